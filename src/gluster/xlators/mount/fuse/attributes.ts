import { ERRNO } from '../../../../base/errno.ts';
import type { FuseOperations, FuseRequest, FuseSetattr } from '../../../../fuse/types.ts';
import type { Fd } from '../../../graph/fd.ts';
import type { LookupAnswer, PrePostAnswer, StatAnswer } from '../../../graph/fops.ts';
import type { Inode } from '../../../graph/inode.ts';
import { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { formatGfid } from '../../../types/gfid.ts';
import { IA_IFDIR, type Iatt } from '../../../types/iatt.ts';
import { nameBytes, nameText } from '../../../types/names.ts';
import { changesOf, FATTR_ATTRIBUTES, FATTR_SIZE, FATTR_TIMES } from './attr.ts';
import type { Bridge } from './bridge.ts';

const ACL_NAMES = /^system\.posix_acl_(access|default)$/;
/** The volume's own bookkeeping of who a file is. */
const IDENTITY_NAMES = new Set(['trusted.gfid', 'trusted.glusterfs.volume-id']);

const statOf = (answer: StatAnswer | LookupAnswer): Iatt => answer.stat;
const postOf = (answer: PrePostAnswer): Iatt => answer.post;

/** Requests about attributes, ordinary and extended, and about the volume as a whole. */
export function attributeOperations(bridge: Bridge): FuseOperations {
  const { options } = bridge;

  /**
   * The fd to go by: the request's own, where `preferOpen` one that is open anyway, or for a file that has no name any more any
   * that is open on it. It stays open until `unref`: whoever opened it may close it meanwhile.
   */
  const fdOf = (
    request: FuseRequest,
    inode: Inode,
    fh: number | undefined,
    preferOpen: boolean,
  ): Fd | undefined => {
    const handle = fh === undefined ? undefined : bridge.handles.get(fh);
    if (handle !== undefined && handle.broken === 0) return handle.fd.ref();
    return preferOpen || bridge.isUnlinked(inode) ? bridge.openFd(inode, request.pid)?.ref() : undefined;
  };

  /** Answers with attributes, and lets go of the fd that they were asked by. */
  const replyAttr = <T>(
    request: FuseRequest,
    answer: Promise<T>,
    of: (answer: T) => Iatt,
    fd: Fd | undefined,
  ): void => {
    answer.then(
      done => {
        fd?.unref();
        bridge.replyAttr(request, of(done));
      },
      error => {
        fd?.unref();
        bridge.fail(request, error, fd === undefined);
      },
    );
  };

  const getattr = (request: FuseRequest, fh: number | undefined): void => {
    const inode = bridge.node(request, request.nodeid, getattr, [fh]);
    if (inode === undefined) return;
    const fd = fdOf(request, inode, fh, inode.type !== IA_IFDIR);
    const frame = bridge.frame(request, 'stat');
    // The root is looked up, as nothing else ever does.
    const answer =
      inode === bridge.graph.inodes.root
        ? bridge.fops.lookup(frame, new Loc(inode, undefined, '', '/'))
        : fd !== undefined
          ? bridge.fops.fstat(frame, fd)
          : bridge.fops.stat(frame, bridge.loc(inode));
    replyAttr(request, answer, statOf, fd);
  };

  const setattr = (request: FuseRequest, set: FuseSetattr): void => {
    const inode = bridge.node(request, request.nodeid, setattr, [set]);
    if (inode === undefined) return;
    const fd = fdOf(request, inode, set.fh, false);
    const frame = bridge.frame(request, 'setattr');
    const { fops } = bridge;
    const loc = bridge.loc(inode);
    const truncate = () =>
      fd !== undefined ? fops.ftruncate(frame, fd, set.size) : fops.truncate(frame, loc, set.size);
    const sizeToo = (set.valid & FATTR_SIZE) !== 0;
    if ((set.valid & FATTR_ATTRIBUTES) === 0 && !sizeToo) {
      fd?.unref();
      getattr(request, set.fh);
      return;
    }
    let answer: ReturnType<typeof truncate>;
    if ((set.valid & FATTR_ATTRIBUTES) === 0) answer = truncate();
    else {
      const { stat, valid } = changesOf(set);
      // By descriptor only where no times are set, as Gluster's mount does.
      answer =
        fd !== undefined && ((set.valid & FATTR_TIMES) === 0 || bridge.isUnlinked(inode))
          ? fops.fsetattr(frame, fd, stat, valid)
          : fops.setattr(frame, loc, stat, valid);
      if (sizeToo) answer = answer.then(truncate);
    }
    replyAttr(request, answer, postOf, fd);
  };

  const access = (request: FuseRequest, mask: number): void => {
    const inode = bridge.node(request, request.nodeid, access, [mask]);
    if (inode === undefined) return;
    bridge.fops.access(bridge.frame(request, 'access'), bridge.loc(inode), mask).then(
      () => request.ok(),
      error => bridge.fail(request, error, true),
    );
  };

  const statfs = (request: FuseRequest): void => {
    const inode = bridge.node(request, request.nodeid, statfs, []);
    if (inode === undefined) return;
    bridge.fops.statfs(bridge.frame(request, 'statfs'), bridge.loc(inode)).then(
      ({ statfs: s }) =>
        request.replyStatfs({
          blocks: s.blocks,
          bfree: s.bfree,
          bavail: s.bavail,
          files: s.files,
          ffree: s.ffree,
          bsize: s.bsize,
          namelen: s.namemax,
          frsize: s.frsize,
        }),
      error => bridge.fail(request, error, true),
    );
  };

  /** Attributes that this mount was not asked to carry: the errno for them, else 0. */
  const refusal = (name: string, none: string): number => {
    if (ACL_NAMES.test(name)) return options.acl ? 0 : ERRNO['EOPNOTSUPP'];
    if (name === 'security.capability') return options.capability ? 0 : ERRNO[none];
    // Not ENODATA as Gluster's mount has it: `ls -l` would go on asking for it of every file.
    if (name === 'security.selinux') return options.selinux ? 0 : ERRNO['EOPNOTSUPP'];
    return 0;
  };

  const setxattr = (request: FuseRequest, name: string, value: Buffer, flags: number): void => {
    const refused = IDENTITY_NAMES.has(name) ? ERRNO['EPERM'] : refusal(name, 'EOPNOTSUPP');
    if (refused !== 0) {
      request.error(refused);
      return;
    }
    const inode = bridge.node(request, request.nodeid, setxattr, [name, value, flags]);
    if (inode === undefined) return;
    if (name === 'inode-invalidate') {
      request.ok();
      bridge.invalidate(inode);
      return;
    }
    // The request's memory goes back when it is answered, and layers may keep attributes.
    const dict = new Dict().setBytes(nameBytes(name), Buffer.from(value));
    bridge.fops.setxattr(bridge.frame(request, 'setxattr'), bridge.loc(inode), dict, flags).then(
      () => request.ok(),
      error => bridge.fail(request, error, true),
    );
  };

  const getxattr = (request: FuseRequest, name: string): void => {
    const refused = refusal(name, 'ENODATA');
    if (refused !== 0) {
      request.error(refused);
      return;
    }
    const inode = bridge.node(request, request.nodeid, getxattr, [name]);
    if (inode === undefined) return;
    if (name === 'glusterfs.gfid') {
      request.replyXattr(Buffer.from(inode.gfid, 'latin1'));
      return;
    }
    if (name === 'glusterfs.gfid.string') {
      request.replyXattr(Buffer.from(formatGfid(inode.gfid)));
      return;
    }
    const bytes = nameBytes(name);
    bridge.fops.getxattr(bridge.frame(request, 'getxattr'), bridge.loc(inode), bytes).then(
      ({ dict }) => {
        const value = dict.bytes(bytes);
        if (value === undefined) request.error(ERRNO['ENODATA']);
        else request.replyXattr(value);
      },
      error => bridge.fail(request, error, true),
    );
  };

  const listxattr = (request: FuseRequest): void => {
    const inode = bridge.node(request, request.nodeid, listxattr, []);
    if (inode === undefined) return;
    bridge.fops.getxattr(bridge.frame(request, 'getxattr'), bridge.loc(inode), undefined).then(
      ({ dict }) => {
        const names = [...dict.entries.keys()].filter(name => !name.startsWith('glusterfs.'));
        request.replyXattrNames(names.map(nameText));
      },
      error => bridge.fail(request, error, true),
    );
  };

  const removexattr = (request: FuseRequest, name: string): void => {
    const refused = IDENTITY_NAMES.has(name) ? ERRNO['EPERM'] : refusal(name, 'ENODATA');
    if (refused !== 0) {
      request.error(refused);
      return;
    }
    const inode = bridge.node(request, request.nodeid, removexattr, [name]);
    if (inode === undefined) return;
    bridge.fops.removexattr(bridge.frame(request, 'removexattr'), bridge.loc(inode), nameBytes(name)).then(
      () => request.ok(),
      error => bridge.fail(request, error, true),
    );
  };

  return { getattr, setattr, access, statfs, setxattr, getxattr, listxattr, removexattr };
}
