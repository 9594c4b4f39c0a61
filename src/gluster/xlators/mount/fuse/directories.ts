import type { FuseOperations, FuseRequest } from '../../../../fuse/types.ts';
import type { GraphEntry } from '../../../graph/fops.ts';
import type { Inode } from '../../../graph/inode.ts';
import { inoHigh, inoLow } from '../../../types/gfid.ts';
import { nameText } from '../../../types/names.ts';
import type { Bridge } from './bridge.ts';

const DT_DIR = 4;

/** Requests on open directories. */
export function directoryOperations(bridge: Bridge): FuseOperations {
  const opendir = (request: FuseRequest, flags: number): void => {
    const inode = bridge.node(request, request.nodeid, opendir, [flags]);
    if (inode === undefined) return;
    const frame = bridge.frame(request, 'opendir');
    const fd = bridge.graph.inodes.openFd(inode, flags, request.pid, frame.root.lkOwner);
    bridge.fops.opendir(frame, bridge.loc(inode), fd).then(
      () => request.replyOpen(bridge.handles.add(fd, request.nodeid, true).fh, 0),
      error => {
        fd.release();
        bridge.fail(request, error, true);
      },
    );
  };

  const readdir = (request: FuseRequest, fh: number, _offset: number, size: number): void => {
    const handle = bridge.handle(request, fh);
    if (handle === undefined) return;
    const offset = (BigInt(request.offsetHigh) << 32n) | BigInt(request.offsetLow);
    bridge.fops.readdir(bridge.frame(request, 'readdir'), handle.fd, size, offset).then(
      ({ entries }) => {
        fill(request, entries, handle.fd.inode);
        request.replyDirectory();
      },
      error => bridge.fail(request, error),
    );
  };

  const readdirplus = (request: FuseRequest, fh: number, _offset: number, size: number): void => {
    const handle = bridge.handle(request, fh);
    if (handle === undefined) return;
    const offset = (BigInt(request.offsetHigh) << 32n) | BigInt(request.offsetLow);
    bridge.fops.readdirp(bridge.frame(request, 'readdirp'), handle.fd, size, offset).then(
      ({ entries }) => {
        fill(request, entries, handle.fd.inode);
        request.replyDirectory();
      },
      error => bridge.fail(request, error),
    );
  };

  const fill = (request: FuseRequest, entries: readonly GraphEntry[], directory: Inode): void => {
    const listing = request.directory();
    for (const entry of entries) {
      const { stat, dOff } = entry;
      const next = { high: Number(BigInt.asUintN(32, dOff >> 32n)), low: Number(dOff & 0xffffffffn) };
      const dots = entry.name === '.' || entry.name === '..';
      if (!listing.plus || dots || stat === undefined || entry.inode === undefined) {
        const gfid = stat?.gfid ?? directory.gfid;
        const type =
          stat === undefined || stat.mode === 0 ? entry.type || (dots ? DT_DIR : 0) : stat.mode >> 12;
        if (!listing.add(nameText(entry.name), inoHigh(gfid), inoLow(gfid) || 1, type, next)) return;
        continue;
      }
      const inode = bridge.graph.inodes.link(entry.inode, directory, entry.name, stat);
      const known = bridge.fillEntry(inode, stat);
      // Distribute has no attributes of a directory here that count for all bricks.
      const { attrTimeout } = known;
      if (stat.ctime === 0) known.attrTimeout = 0;
      const fits = listing.addEntry(nameText(entry.name), known, next);
      known.attrTimeout = attrTimeout;
      if (!fits) {
        bridge.nodes.forget(known.nodeid, 1);
        return;
      }
    }
  };

  const releasedir = (request: FuseRequest, fh: number): void => {
    bridge.handles.remove(fh)?.fd.release();
    request.ok();
  };

  const fsyncdir = (request: FuseRequest, fh: number, dataOnly: boolean): void => {
    const handle = bridge.handle(request, fh);
    if (handle === undefined) return;
    bridge.fops.fsyncdir(bridge.frame(request, 'fsyncdir'), handle.fd, dataOnly).then(
      () => request.ok(),
      error => bridge.fail(request, error),
    );
  };

  return {
    opendir,
    readdir,
    ...(bridge.options.readdirp ? { readdirplus } : {}),
    releasedir,
    fsyncdir,
  };
}
