import { anyFops, defineFops, subjectOf } from '../../../graph/every-fop.ts';
import type { Fd } from '../../../graph/fd.ts';
import { FOP_NAMES, type FopName, type ReadAnswer, type WriteAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { Loc } from '../../../graph/loc.ts';
import { bytesOf } from '../../../graph/trace-detail.ts';
import type { Dict } from '../../../types/dict.ts';
import { IoStats } from './io-stats.ts';

export { IoStats };

const ignore = (): void => {};

/** Gluster's io-stats does not know these. */
const NOT_COUNTED: ReadonlySet<FopName> = new Set(['put', 'icreate', 'namelink']);

function makeFop(fop: FopName): (this: IoStats, frame: Frame, ...args: unknown[]) => Promise<unknown> {
  switch (fop) {
    case 'readv':
      return function (frame, fd, size, offset, flags, xdata) {
        if (!this.watchesFds) {
          const answer = anyFops(this.next).readv(
            frame,
            fd,
            size,
            offset,
            flags,
            xdata,
          ) as Promise<ReadAnswer>;
          answer.then(this.countRead, ignore);
          return answer;
        }
        const began = this.host.env.clock.mono();
        const answer = this.counted(fop, frame, [fd, size, offset, flags, xdata]) as Promise<ReadAnswer>;
        answer.then(read => {
          this.countRead(read);
          this.moved(fd as Fd, 'read', read.length, began);
        }, ignore);
        return answer;
      };
    case 'writev':
      return function (frame, fd, data, offset, flags, xdata) {
        this.countWrite(bytesOf(data as readonly Buffer[]));
        if (!this.watchesFds) return anyFops(this.next).writev(frame, fd, data, offset, flags, xdata);
        const began = this.host.env.clock.mono();
        const answer = this.counted(fop, frame, [fd, data, offset, flags, xdata]) as Promise<WriteAnswer>;
        answer.then(({ written }) => this.moved(fd as Fd, 'write', written, began), ignore);
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
        answer.then(() => {
          if (!this.watchesFds) return;
          if (fop !== 'opendir') this.opened(fd, loc.path || this.host.inodes.path(loc.inode));
          if (fop !== 'create' && this.isCounting) this.list(fd.inode, fop);
        }, ignore);
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
