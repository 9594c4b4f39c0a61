import { PreciseClock } from '../../../../base/precise-clock.ts';
import { anyFops, defineFops } from '../../../graph/every-fop.ts';
import type { Fd } from '../../../graph/fd.ts';
import { errnoOf } from '../../../graph/fop-error.ts';
import type { FopName, Fops, LookupAnswer, PrePostAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { Loc } from '../../../graph/loc.ts';
import type { OptionTable } from '../../../graph/option-types.ts';
import { Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import { DICT_MDATA, Dict } from '../../../types/dict.ts';
import {
  type Iatt,
  SET_ATTR_ATIME,
  SET_ATTR_ATIME_NOW,
  SET_ATTR_GID,
  SET_ATTR_MODE,
  SET_ATTR_MTIME,
  SET_ATTR_MTIME_NOW,
  SET_ATTR_UID,
} from '../../../types/iatt.ts';

/** Which times of a file a brick is to set (`MDATA_*`, libglusterfs/stack.h); those of its directory with `PAR`. */
const CTIME = 0x01;
const MTIME = 0x02;
const ATIME = 0x04;
const PAR_CTIME = 0x08;
const PAR_MTIME = 0x10;

/** The xattr in which bricks keep the times; asked for on lookups. */
const MDATA_KEY = 'trusted.glusterfs.mdata';
/** In a setxattr: sets it for a file that has none yet. */
const SET_MDATA_KEY = 'set-ctime-mdata';
/** GF_CLIENT_PID_SET_UTIME: bricks let it by where clients may not write. */
const PID_SET_UTIME = -13;

const ENTRY = ATIME | CTIME | MTIME | PAR_CTIME | PAR_MTIME;
const UNENTRY = CTIME | PAR_CTIME | PAR_MTIME;
/** As utime-helpers.c has them. */
const FLAGS: Readonly<Partial<Record<FopName, number>>> = {
  fallocate: MTIME | ATIME,
  zerofill: MTIME | ATIME,
  opendir: ATIME,
  open: ATIME,
  readv: ATIME,
  mknod: ENTRY,
  mkdir: ENTRY,
  symlink: ENTRY,
  create: ENTRY,
  unlink: UNENTRY,
  rmdir: UNENTRY,
  link: UNENTRY,
  rename: UNENTRY,
  writev: MTIME | CTIME,
  truncate: CTIME | MTIME,
  ftruncate: CTIME | MTIME,
  removexattr: CTIME,
  fremovexattr: CTIME,
};

/**
 * Times that are the same on all bricks: notes with each fop which times it changes, and to what, for bricks to keep in an xattr
 * (`ctime`). Nothing is taken off a fop's speed: the notes travel with the call's credentials.
 */
export class Utime extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {
    noatime: {
      kind: 'bool',
      default: 'on',
      reconfigurable: true,
      description: 'Access times are not kept.',
    },
  };

  noatime: boolean;
  private readonly clock: PreciseClock;

  constructor(setup: XlatorSetup) {
    super(setup);
    this.clock = new PreciseClock(setup.host.env.clock);
    this.noatime = setup.options.bool('noatime');
  }

  override reconfigure(): void {
    this.noatime = this.options.bool('noatime');
  }

  /** Notes the time of now and what it is for. */
  stamp(frame: Frame, flags: number): void {
    const { root } = frame;
    const now = this.clock.now();
    root.ctime = Math.floor(now / 1000);
    root.ctimeNsec = Math.floor((now % 1000) * 1e6);
    root.flags |= flags;
  }

  async lookup(frame: Frame, loc: Loc, xdata?: Dict): Promise<LookupAnswer> {
    const wanted = Dict.from(xdata).setInt(MDATA_KEY, 1);
    const answer = await this.next.lookup(frame, loc, wanted);
    if (answer.xdata?.has(MDATA_KEY)) return answer;
    await this.setMdata(frame, answer);
    return answer;
  }

  /** A file from before times were kept, or made behind our back: its times as they are become those that are kept. */
  private async setMdata(frame: Frame, { inode, stat }: LookupAnswer): Promise<void> {
    const own = frame.internal();
    own.root.pid = PID_SET_UTIME;
    const { atime, atimeNsec, mtime, mtimeNsec, ctime, ctimeNsec } = stat;
    const value = { atime, atimeNsec, mtime, mtimeNsec, ctime, ctimeNsec };
    const dict = new Dict().set(SET_MDATA_KEY, { type: DICT_MDATA, value });
    const loc = new Loc(inode);
    loc.known = stat.gfid;
    try {
      await this.next.setxattr(own, loc, dict, 0);
    } catch (error) {
      // The lookup is good all the same.
      this.host.log.log('E', this.logName, `setting the times of a file failed with errno ${errnoOf(error)}`);
    }
  }

  setattr(frame: Frame, loc: Loc, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    this.stampAttributes(frame, stat, valid);
    return this.next.setattr(frame, loc, stat, valid, xdata);
  }

  fsetattr(frame: Frame, fd: Fd, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    this.stampAttributes(frame, stat, valid);
    return this.next.fsetattr(frame, fd, stat, valid, xdata);
  }

  private stampAttributes(frame: Frame, stat: Iatt, valid: number): void {
    this.stamp(frame, valid === 0 || valid & (SET_ATTR_UID | SET_ATTR_GID | SET_ATTR_MODE) ? CTIME : 0);
    if ((valid & (SET_ATTR_ATIME | SET_ATTR_MTIME)) === 0) return;
    const { root } = frame;
    if (valid & SET_ATTR_ATIME_NOW) {
      root.ctime = stat.atime;
      root.ctimeNsec = stat.atimeNsec;
    } else if (valid & SET_ATTR_MTIME_NOW) {
      root.ctime = stat.mtime;
      root.ctimeNsec = stat.mtimeNsec;
    }
  }
}

defineFops(
  Utime,
  fop => {
    const flags = FLAGS[fop]!;
    if (flags === ATIME)
      return function (frame, ...args) {
        this.stamp(frame, this.noatime ? 0 : flags);
        return anyFops(this.next)[fop](frame, ...args);
      };
    return function (frame, ...args) {
      this.stamp(frame, flags);
      return anyFops(this.next)[fop](frame, ...args);
    };
  },
  Object.keys(FLAGS) as FopName[],
);
