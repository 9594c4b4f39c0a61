import { ERRNO } from '../../../../base/errno.ts';
import type { FuseOperations, FuseRequest } from '../../../../fuse/types.ts';
import { errnoOf, isMissing } from '../../../graph/fop-error.ts';
import { Loc } from '../../../graph/loc.ts';
import { nameBytes, nameText } from '../../../types/names.ts';
import type { Bridge } from './bridge.ts';

const RENAME_NOREPLACE = 1;

/** Requests that go by a directory and a name: looking up, making, removing, renaming. */
export function entryOperations(bridge: Bridge): FuseOperations {
  const { options } = bridge;

  /** The place of a name; undefined when the directory had to be found first. */
  const place = (
    request: FuseRequest,
    name: string,
    again: (request: FuseRequest, ...args: never[]) => void,
    args: readonly unknown[],
  ): Loc | undefined => {
    const parent = bridge.node(request, request.nodeid, again, args);
    if (parent === undefined) return undefined;
    const bytes = nameBytes(name);
    if (bytes.length > 255) {
      request.error(ERRNO['ENAMETOOLONG']);
      return undefined;
    }
    const { inodes } = bridge.graph;
    return new Loc(inodes.create(), parent, bytes, inodes.path(parent, bytes));
  };

  /** The place of a name that there should be. */
  const existing = (...args: Parameters<typeof place>): Loc | undefined => {
    const loc = place(...args);
    if (loc === undefined) return undefined;
    loc.inode = bridge.graph.inodes.grep(loc.parent!, loc.name) ?? loc.inode;
    return loc;
  };

  /**
   * The place of a name that the kernel has found. After a switch of graphs the layers may not have seen it yet, which those that keep
   * something about an inode take for a mistake: it is looked up first.
   */
  const found = (
    request: FuseRequest,
    name: string,
    again: (request: FuseRequest, ...args: never[]) => void,
    args: readonly unknown[],
  ): Loc | undefined => {
    const loc = existing(request, name, again, args);
    if (loc === undefined || loc.inode.type !== 0 || !bridge.nodes.switched) return loc;
    bridge.fops.lookup(bridge.frame(request, 'lookup'), loc).then(
      ({ stat }) => {
        bridge.link(loc, stat);
        again(request, ...(args as never[]));
      },
      error => bridge.fail(request, error),
    );
    return undefined;
  };

  const lookup = (request: FuseRequest, name: string): void => {
    const loc = existing(request, name, lookup, [name]);
    if (loc === undefined) return;
    const { inode } = loc;
    const known = inode.type !== 0;
    const pending = known ? bridge.ahead.pending(inode) : undefined;
    if (pending === undefined) lookUp(request, loc, known);
    else void pending.then(() => lookUpKnown(request, name));
    if (known) bridge.ahead.asked(request, inode, false);
  };

  /** What was being looked up when it was asked for. */
  const lookUpKnown = (request: FuseRequest, name: string): void => {
    const loc = existing(request, name, lookUpKnown, [name]);
    if (loc !== undefined) lookUp(request, loc, loc.inode.type !== 0);
  };

  const lookUp = (request: FuseRequest, loc: Loc, known: boolean): void => {
    const { inodes } = bridge.graph;
    const asNew = (): void =>
      lookUp(request, new Loc(inodes.create(), loc.parent, loc.name, loc.path), false);
    const frame = bridge.frame(request, 'lookup');
    // Held, as the kernel may forget it meanwhile, and what the layers know of it would go.
    const held = loc.inode.ref();
    bridge.fops.lookup(frame, loc, known ? undefined : bridge.gfidRequest()).then(
      ({ stat }) => {
        if (known && stat.gfid !== loc.inode.gfid) {
          // Another file has this name now.
          inodes.unlink(loc.inode, loc.parent!, loc.name);
          asNew();
        } else bridge.replyEntry(request, loc, stat);
        held.unref();
      },
      error => {
        held.unref();
        const errno = errnoOf(error);
        if (known) {
          // What we knew may be wrong: as Gluster's, we ask once more as if we knew nothing.
          if (isMissing(errno)) inodes.unlink(loc.inode, loc.parent!, loc.name);
          asNew();
        } else if (errno === ERRNO['ENOENT'] && options.negativeTimeout > 0)
          request.replyEntry({
            ...bridge.noEntry,
            entryTimeout: options.negativeTimeout,
          });
        else request.error(errno);
      },
    );
  };

  const mknod = (request: FuseRequest, name: string, mode: number, rdev: number, umask: number): void => {
    const loc = place(request, name, mknod, [name, mode, rdev, umask]);
    if (loc === undefined) return;
    const frame = bridge.frame(request, 'mknod');
    frame.root.umask = umask;
    bridge.fops.mknod(frame, loc, mode, rdev, umask, bridge.gfidRequest()).then(
      ({ stat }) => bridge.replyEntry(request, loc, stat),
      error => bridge.fail(request, error),
    );
  };

  const mkdir = (request: FuseRequest, name: string, mode: number, umask: number): void => {
    const loc = place(request, name, mkdir, [name, mode, umask]);
    if (loc === undefined) return;
    const frame = bridge.frame(request, 'mkdir');
    frame.root.umask = umask;
    bridge.fops.mkdir(frame, loc, mode, umask, bridge.gfidRequest()).then(
      ({ stat }) => bridge.replyEntry(request, loc, stat),
      error => bridge.fail(request, error),
    );
  };

  const symlink = (request: FuseRequest, name: string, target: string): void => {
    const loc = place(request, name, symlink, [name, target]);
    if (loc === undefined) return;
    bridge.fops
      .symlink(bridge.frame(request, 'symlink'), nameBytes(target), loc, 0, bridge.gfidRequest())
      .then(
        ({ stat }) => bridge.replyEntry(request, loc, stat),
        error => bridge.fail(request, error),
      );
  };

  const create = (
    request: FuseRequest,
    name: string,
    flags: number,
    mode: number,
    umask: number,
    openFlags: number,
  ): void => {
    const loc = place(request, name, create, [name, flags, mode, umask, openFlags]);
    if (loc === undefined) return;
    const frame = bridge.frame(request, 'create');
    frame.root.umask = umask;
    const fd = bridge.graph.inodes.openFd(loc.inode, flags, request.pid, frame.root.lkOwner);
    bridge.fops.create(frame, loc, flags, mode, umask, fd, bridge.gfidRequest()).then(
      ({ stat, xdata }) => {
        const inode = bridge.link(loc, stat);
        const entry = bridge.fillEntry(inode, stat);
        const handle = bridge.handles.add(fd, entry.nodeid, false);
        request.replyCreate(entry, handle.fh, bridge.openFlags(xdata));
      },
      error => {
        fd.release();
        bridge.fail(request, error);
      },
    );
  };

  const unlink = (request: FuseRequest, name: string): void => {
    const loc = found(request, name, unlink, [name]);
    if (loc === undefined) return;
    const held = loc.inode.ref();
    bridge.fops.unlink(bridge.frame(request, 'unlink'), loc, 0).then(
      () => {
        bridge.graph.inodes.unlink(loc.inode, loc.parent!, loc.name);
        held.unref();
        request.ok();
      },
      error => {
        held.unref();
        bridge.fail(request, error);
      },
    );
  };

  const rmdir = (request: FuseRequest, name: string): void => {
    const loc = found(request, name, rmdir, [name]);
    if (loc === undefined) return;
    const held = loc.inode.ref();
    bridge.fops.rmdir(bridge.frame(request, 'rmdir'), loc, 0).then(
      () => {
        bridge.graph.inodes.unlink(loc.inode, loc.parent!, loc.name);
        held.unref();
        request.ok();
      },
      error => {
        held.unref();
        bridge.fail(request, error);
      },
    );
  };

  const rename = (
    request: FuseRequest,
    name: string,
    newParent: number,
    newName: string,
    flags: number,
  ): void => {
    const args = [name, newParent, newName, flags];
    // Gluster's rename has no flags; that there is nothing to replace can be seen here, the rest cannot be had.
    if ((flags & ~RENAME_NOREPLACE) !== 0) {
      request.error(ERRNO['EINVAL']);
      return;
    }
    const from = found(request, name, rename, args);
    if (from === undefined) return;
    const parent = bridge.node(request, newParent, rename, args);
    if (parent === undefined) return;
    const { inodes } = bridge.graph;
    const bytes = nameBytes(newName);
    const to = new Loc(
      inodes.grep(parent, bytes) ?? inodes.create(),
      parent,
      bytes,
      inodes.path(parent, bytes),
    );
    if (to.inode.type !== 0 || !bridge.nodes.switched) {
      renameTo(request, from, to, flags);
      return;
    }
    // What is replaced must be known to the layers as well.
    bridge.fops.lookup(bridge.frame(request, 'lookup'), to).then(
      ({ stat }) => {
        to.inode = bridge.link(to, stat);
        renameTo(request, from, to, flags);
      },
      error => {
        if (errnoOf(error) !== ERRNO['ENOENT']) return bridge.fail(request, error);
        to.inode = inodes.create();
        renameTo(request, from, to, flags);
      },
    );
  };

  const renameTo = (request: FuseRequest, from: Loc, to: Loc, flags: number): void => {
    if (to.inode.type !== 0 && (flags & RENAME_NOREPLACE) !== 0) {
      request.error(ERRNO['EEXIST']);
      return;
    }
    const held = [from.inode.ref(), to.inode.ref()];
    const done = () => {
      for (const inode of held) inode.unref();
    };
    const { inodes } = bridge.graph;
    bridge.fops.rename(bridge.frame(request, 'rename'), from, to).then(
      () => {
        inodes.rename(from.inode, from.parent!, from.name, to.parent!, to.name);
        done();
        request.ok();
      },
      error => {
        done();
        bridge.fail(request, error);
      },
    );
  };

  const link = (request: FuseRequest, nodeid: number, newName: string): void => {
    const loc = place(request, newName, link, [nodeid, newName]);
    if (loc === undefined) return;
    const inode = bridge.node(request, nodeid, link, [nodeid, newName]);
    if (inode === undefined) return;
    const { inodes } = bridge.graph;
    const from = new Loc(inode, undefined, '', inodes.path(inode));
    loc.inode = inode;
    bridge.fops.link(bridge.frame(request, 'link'), from, loc).then(
      ({ stat }) => bridge.replyEntry(request, loc, stat),
      error => bridge.fail(request, error),
    );
  };

  const readlink = (request: FuseRequest): void => {
    const inode = bridge.node(request, request.nodeid, readlink, []);
    if (inode === undefined) return;
    bridge.fops.readlink(bridge.frame(request, 'readlink'), bridge.loc(inode), 4096).then(
      ({ path }) => request.replyReadlink(nameText(path)),
      error => bridge.fail(request, error, true),
    );
  };

  return { lookup, mknod, mkdir, symlink, create, unlink, rmdir, rename, link, readlink };
}
