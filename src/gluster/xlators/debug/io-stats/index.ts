import { anyFops, defineFops, subjectOf } from '../../../graph/every-fop.ts';
import type { Fd } from '../../../graph/fd.ts';
import { FOP_NAMES, type FopName, type ReadAnswer, type WriteAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { Loc } from '../../../graph/loc.ts';
import type { Dict } from '../../../types/dict.ts';
import { IoStats } from './io-stats.ts';

export { IoStats };

/** Gluster's io-stats does not know these. */
const NOT_COUNTED: ReadonlySet<FopName> = new Set(['put', 'icreate', 'namelink']);

function makeFop(fop: FopName): (this: IoStats, frame: Frame, ...args: unknown[]) => Promise<unknown> {
  switch (fop) {
    case 'readv':
      return function (frame, ...args) {
        const began = this.isCounting ? this.host.env.clock.mono() : 0;
        const answer = this.isCounting
          ? this.counted(fop, frame, args)
          : anyFops(this.next).readv(frame, ...args);
        answer.then(
          read => this.moved(args[0] as Fd, 'read', (read as ReadAnswer).length, began),
          () => {},
        );
        return answer;
      };
    case 'writev':
      return function (frame, ...args) {
        const began = this.isCounting ? this.host.env.clock.mono() : 0;
        const answer = this.isCounting
          ? this.counted(fop, frame, args)
          : anyFops(this.next).writev(frame, ...args);
        answer.then(
          wrote => this.moved(args[0] as Fd, 'write', (wrote as WriteAnswer).written, began),
          () => {},
        );
        return answer;
      };
    case 'setxattr':
      return function (frame, ...args) {
        this.dumpFor(args[1] as Dict);
        return this.isCounting ? this.counted(fop, frame, args) : anyFops(this.next).setxattr(frame, ...args);
      };
    case 'open':
    case 'create':
    case 'opendir':
      return function (frame, ...args) {
        const answer = this.counted(fop, frame, args);
        const loc = args[0] as Loc;
        const fd = args.find(arg => subjectOf([arg]) !== undefined && !(arg instanceof Loc)) as Fd;
        answer.then(
          () => {
            if (!this.watchesFds) return;
            if (fop !== 'opendir') this.opened(fd, loc.path || this.host.inodes.path(loc.inode));
            if (fop !== 'create' && this.isCounting) this.list(fd.inode, fop);
          },
          () => {},
        );
        return answer;
      };
    case 'readdirp':
      return function (frame, ...args) {
        if (this.isCounting) this.list((args[0] as Fd).inode, 'readdirp');
        return this.counted(fop, frame, args);
      };
    default:
      return function (frame, ...args) {
        return this.counted(fop, frame, args);
      };
  }
}

defineFops(
  IoStats,
  makeFop,
  FOP_NAMES.filter(fop => !NOT_COUNTED.has(fop)),
);
