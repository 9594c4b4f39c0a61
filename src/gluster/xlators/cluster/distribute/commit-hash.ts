import type { Frame } from '../../../graph/frame.ts';
import { Dict } from '../../../types/dict.ts';
import { settle } from '../shared/wind.ts';
import type { Distribute } from './distribute.ts';
import type { Layout } from './layout.ts';
import { locOf } from './loc.ts';

/** How long a hash that was heard is believed when a directory turns up, milliseconds: as long as caches believe what they know. */
const BELIEVED_MS = 1000;

/**
 * A rebalance calls a directory done when it has queued the last of its files, up to 500 of which wait to be moved then, without a linkto
 * file where they are looked for. So names are looked for everywhere for so long after a rebalance has begun, and after a
 * directory was seen to be done.
 */
const REBALANCE_MS = 3_600_000;
const QUEUE_MS = 600_000;

/**
 * The commit hash of the volume, an xattr of its root directory: a rebalance sets it first of all, and gives it to each directory whose files
 * are all where they belong. Where a directory's is the same, a name that is not where it hashes to is nowhere. Only the root's
 * lookups bring it, so it may be old when a directory shows that a rebalance has begun.
 *
 * A u32, as text in the xattr: the time in seconds when the rebalance began, shifted left by three, and at least one of the three bits
 * below; 0 before the first (gd_set_commit_hash).
 */
export class CommitHash {
  /** As last heard: what new directories get. */
  last = 0;
  private certain = true;
  /** When a directory was seen with other ranges than before, monotonic milliseconds. */
  private changedAt = Number.NEGATIVE_INFINITY;
  private heardAt = Number.NEGATIVE_INFINITY;
  private asked = 0;
  private heard = 0;
  private readonly dht: Distribute;

  constructor(dht: Distribute) {
    this.dht = dht;
  }

  /** Whether all names of a directory with that layout are where they hash to, or have a linkto file there. */
  settled(layout: Layout | undefined): boolean {
    if (!this.certain || layout === undefined || layout.commitHash !== this.last) return false;
    // A brick that is taken out of the volume is emptied without a new hash, and when one was added, linkto files go from where names
    // hashed to before others hear of new layouts.
    const { dht } = this;
    if (dht.decommissionedCount > 0 || (dht.config.spread === 0 && !layout.isSpread())) return false;
    if (this.now() - layout.changedAt <= QUEUE_MS) return false;
    return this.last === 0 || this.age() > REBALANCE_MS;
  }

  /** Whether a rebalance may be moving files now, as far as is known. */
  mayMove(): boolean {
    const { dht } = this;
    if (dht.count === 1) return false;
    if (dht.decommissionedCount > 0 || this.now() - this.changedAt <= REBALANCE_MS) return true;
    return this.last !== 0 && this.age() <= REBALANCE_MS;
  }

  /** Milliseconds since the last rebalance began. */
  private age(): number {
    const seconds = Math.floor(this.dht.host.env.clock.now() / 1000);
    return ((seconds - (this.last >>> 3)) & 0x1fff_ffff) * 1000;
  }

  private now(): number {
    return this.dht.host.env.clock.mono();
  }

  /** From the answer to a lookup, if it was one of the root directory. */
  learn(xattrs: Dict | undefined): void {
    const key = this.dht.commitHashKey;
    if (xattrs === undefined || !xattrs.has(key)) return;
    const hash = xattrs.int(key) ?? wordOf(xattrs.bytes(key));
    if (hash === undefined) return;
    this.last = hash >>> 0;
    this.believe();
  }

  /** A directory's layout was read, where `before` was known. One that has changed, or is new to us, may be the work of a rebalance. */
  layoutRead(before: Layout | undefined, layout: Layout): void {
    const { dht } = this;
    if (before === layout) return;
    const same = before !== undefined && sameRanges(before, layout);
    if (before !== undefined) {
      layout.changedAt = same && before.commitHash === layout.commitHash ? before.changedAt : this.now();
      if (!same) this.changedAt = this.now();
    }
    if (!dht.config.lookupOptimize) return;
    const old = this.now() - this.heardAt > BELIEVED_MS;
    if (before === undefined ? !old : same) return;
    this.certain = false;
    void this.ask(dht.ownFrame('lookup'));
  }

  /** Asks the root directory. Never rejects: who does not know looks everywhere. */
  async ask(frame: Frame): Promise<void> {
    const { dht } = this;
    const child = dht.up.first();
    if (child < 0) return;
    const turn = ++this.asked;
    const request = new Dict().setUint(dht.commitHashKey, 4);
    const { answer } = await settle(
      dht.subvolumes[child].lookup(frame, locOf(dht.host.inodes.root), request),
    );
    // A later question may have been answered before.
    if (answer === undefined || turn < this.heard) return;
    this.heard = turn;
    this.learn(answer.xdata);
    this.believe();
  }

  private believe(): void {
    this.certain = true;
    this.heardAt = this.now();
  }
}

function sameRanges(one: Layout, other: Layout): boolean {
  return (
    one.entries.length === other.entries.length &&
    one.entries.every(entry => {
      const its = other.of(entry.subvolume);
      return its !== undefined && its.start === entry.start && its.stop === entry.stop;
    })
  );
}

function wordOf(bytes: Buffer | undefined): number | undefined {
  return bytes?.length === 4 ? bytes.readUInt32BE(0) : undefined;
}
