import type { Random } from '../../env/env.ts';
import { GFID_LENGTH, type Gfid, gfidFromRandom } from './gfid.ts';

/** Gfids that are drawn at once: asking the host for random bytes costs as much as for one as for many. */
const BATCH = 256;

/** Random gfids for what is to be created. */
export class GfidSource {
  private readonly random: Random;
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;

  constructor(random: Random) {
    this.random = random;
  }

  next(): Gfid {
    if (this.at === this.bytes.length) {
      this.bytes = this.random.bytes(BATCH * GFID_LENGTH);
      this.at = 0;
    }
    const gfid = gfidFromRandom(this.bytes, this.at);
    this.at += GFID_LENGTH;
    return gfid;
  }
}
