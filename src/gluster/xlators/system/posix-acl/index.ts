import { anyFops, defineFops } from '../../../graph/every-fop.ts';
import type { Fd } from '../../../graph/fd.ts';
import { paramIndex } from '../../../graph/fop-params.ts';
import type { FopName } from '../../../graph/fops.ts';
import type { Loc } from '../../../graph/loc.ts';
import { READ, WRITE } from './acl.ts';
import { PosixAcl } from './posix-acl.ts';

export { PosixAcl };

const EACCES = 13;

/** Fops that only need a permission on what they work on. */
const GUARDED: Readonly<Partial<Record<FopName, number>>> = { truncate: WRITE, opendir: READ, readdir: READ };

defineFops(
  PosixAcl,
  fop => {
    const want = GUARDED[fop]!;
    return function (frame, ...args) {
      const { inode } = args[0] as Loc | Fd;
      return this.guard(frame, inode, want) ? anyFops(this.next)[fop](frame, ...args) : this.refuse(EACCES);
    };
  },
  Object.keys(GUARDED) as FopName[],
);

defineFops(
  PosixAcl,
  fop => {
    const at = paramIndex(fop, 'name');
    return function (frame, ...args) {
      const { inode } = args[0] as Loc;
      return this.mayRead(frame, inode, args[at])
        ? anyFops(this.next)[fop](frame, ...args)
        : this.refuse(EACCES);
    };
  },
  ['getxattr'],
);

defineFops(
  PosixAcl,
  fop =>
    function (frame, ...args) {
      const { inode } = args[0] as Loc | Fd;
      const name = args[1] as string;
      const errno = this.mayRemoveXattr(frame, inode, name);
      if (errno !== 0) return this.refuse(errno);
      return anyFops(this.next)
        [fop](frame, ...args)
        .then(answer => {
          this.dropList(inode, name);
          return answer;
        });
    },
  ['removexattr', 'fremovexattr'],
);
