// A file system of one file that cannot be written, on the kernel's FUSE protocol:
//
//   npx tsx examples/fuse-hello.ts /mnt & cat /mnt/hello
//
// With the package installed, the import is 'nacre/fuse'.
import { type FuseOperations, mount, unmountOnSignals } from '../src/fuse/index.ts';

const attr = (ino: number, mode: number, size: number) => ({
  inoHigh: 0,
  inoLow: ino,
  mode,
  size,
  blocks: 1,
  nlink: 1,
  uid: 0,
  gid: 0,
  rdev: 0,
  blksize: 4096,
  atime: 0,
  atimeNsec: 0,
  mtime: 0,
  mtimeNsec: 0,
  ctime: 0,
  ctimeNsec: 0,
});
const text = Buffer.from('hello\n');
const hello: FuseOperations = {
  lookup(request, name) {
    if (request.nodeid !== 1 || name !== 'hello') return request.error(2);
    request.replyEntry({
      nodeid: 2,
      generation: 0,
      entryTimeout: 1,
      attrTimeout: 1,
      attr: attr(2, 0o100444, text.length),
    });
  },
  getattr(request) {
    request.replyAttr(request.nodeid === 1 ? attr(1, 0o040755, 0) : attr(2, 0o100444, text.length), 1);
  },
  read(request, _fh, offset, size) {
    request.replyData(text.subarray(offset, offset + size));
  },
  readdir(request, _fh, offset) {
    if (offset === 0) request.directory().add('hello', 0, 2, 8, 1);
    request.replyDirectory();
  },
};
const mounted = await mount(process.argv[2] ?? '/mnt', hello, { fsname: 'hello', allowOther: true });
unmountOnSignals(mounted);
await mounted.closed;
