import { DecodeError } from '../base/errors.ts';
import { B, cursor, type Decode, missing, name, need, text } from './decode-base.ts';
import { i64, u64 } from './frame.ts';
import { FATTR, GETATTR, IN_HEADER, OPCODE } from './protocol.ts';

/** How to read what is about names, attributes and extended attributes. */
export function addTreeDecoders(table: (Decode | undefined)[]): void {
  table[OPCODE.LOOKUP] = (ops, request, frame, end) =>
    ops.lookup === undefined
      ? missing(request)
      : ops.lookup(request, name(frame, IN_HEADER, end, 'FUSE_LOOKUP'));

  // fuse_getattr_in: u32 getattr_flags, dummy; u64 fh
  table[OPCODE.GETATTR] = (ops, request, frame, end) => {
    need(end, 16, 'fuse_getattr_in');
    const { words } = frame;
    if (ops.getattr === undefined) return missing(request);
    return ops.getattr(request, (words[B] & GETATTR.FH) !== 0 ? u64(words, B + 2) : undefined);
  };

  // fuse_setattr_in: u32 valid, padding; u64 fh, size, lock_owner, atime, mtime, ctime; u32 atimensec, mtimensec, ctimensec, mode,
  // unused, uid, gid, unused
  table[OPCODE.SETATTR] = (ops, request, frame, end) => {
    need(end, 88, 'fuse_setattr_in');
    const { words } = frame;
    if (ops.setattr === undefined) return missing(request);
    const valid = words[B];
    if ((valid & FATTR.LOCKOWNER) !== 0) {
      request.ownerLow = words[B + 6];
      request.ownerHigh = words[B + 7];
    }
    return ops.setattr(request, {
      valid,
      fh: (valid & FATTR.FH) !== 0 ? u64(words, B + 2) : undefined,
      size: u64(words, B + 4),
      atime: i64(words, B + 8),
      mtime: i64(words, B + 10),
      ctime: i64(words, B + 12),
      atimeNsec: words[B + 14],
      mtimeNsec: words[B + 15],
      ctimeNsec: words[B + 16],
      mode: words[B + 17],
      uid: words[B + 19],
      gid: words[B + 20],
    });
  };

  // fuse_statx_in: u32 getattr_flags, reserved; u64 fh; u32 sx_flags, sx_mask
  table[OPCODE.STATX] = (ops, request, frame, end) => {
    need(end, 24, 'fuse_statx_in');
    const { words } = frame;
    if (ops.statx === undefined) return missing(request);
    const fh = (words[B] & GETATTR.FH) !== 0 ? u64(words, B + 2) : undefined;
    return ops.statx(request, fh, words[B + 4], words[B + 5]);
  };

  table[OPCODE.READLINK] = (ops, request) =>
    ops.readlink === undefined ? missing(request) : ops.readlink(request);

  // name, then target
  table[OPCODE.SYMLINK] = (ops, request, frame, end) => {
    if (ops.symlink === undefined) return missing(request);
    const made = name(frame, IN_HEADER, end, 'FUSE_SYMLINK');
    return ops.symlink(request, made, text(frame, cursor, end, 'FUSE_SYMLINK'));
  };

  // fuse_mknod_in: u32 mode, rdev, umask, padding; name
  table[OPCODE.MKNOD] = (ops, request, frame, end) => {
    need(end, 16, 'fuse_mknod_in');
    const { words } = frame;
    if (ops.mknod === undefined) return missing(request);
    const made = name(frame, IN_HEADER + 16, end, 'FUSE_MKNOD');
    return ops.mknod(request, made, words[B], words[B + 1], words[B + 2]);
  };

  // fuse_mkdir_in: u32 mode, umask; name
  table[OPCODE.MKDIR] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_mkdir_in');
    const { words } = frame;
    if (ops.mkdir === undefined) return missing(request);
    return ops.mkdir(request, name(frame, IN_HEADER + 8, end, 'FUSE_MKDIR'), words[B], words[B + 1]);
  };

  table[OPCODE.UNLINK] = (ops, request, frame, end) =>
    ops.unlink === undefined
      ? missing(request)
      : ops.unlink(request, name(frame, IN_HEADER, end, 'FUSE_UNLINK'));

  table[OPCODE.RMDIR] = (ops, request, frame, end) =>
    ops.rmdir === undefined
      ? missing(request)
      : ops.rmdir(request, name(frame, IN_HEADER, end, 'FUSE_RMDIR'));

  // fuse_rename_in: u64 newdir; old name, new name
  table[OPCODE.RENAME] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_rename_in');
    if (ops.rename === undefined) return missing(request);
    const from = name(frame, IN_HEADER + 8, end, 'FUSE_RENAME');
    return ops.rename(request, from, u64(frame.words, B), name(frame, cursor, end, 'FUSE_RENAME'), 0);
  };

  // fuse_rename2_in: u64 newdir; u32 flags, padding; old name, new name
  table[OPCODE.RENAME2] = (ops, request, frame, end) => {
    need(end, 16, 'fuse_rename2_in');
    const { words } = frame;
    if (ops.rename === undefined) return missing(request);
    const from = name(frame, IN_HEADER + 16, end, 'FUSE_RENAME2');
    return ops.rename(request, from, u64(words, B), name(frame, cursor, end, 'FUSE_RENAME2'), words[B + 2]);
  };

  // fuse_link_in: u64 oldnodeid; new name
  table[OPCODE.LINK] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_link_in');
    if (ops.link === undefined) return missing(request);
    return ops.link(request, u64(frame.words, B), name(frame, IN_HEADER + 8, end, 'FUSE_LINK'));
  };

  table[OPCODE.STATFS] = (ops, request) => {
    if (ops.statfs !== undefined) return ops.statfs(request);
    return request.replyStatfs({
      blocks: 0,
      bfree: 0,
      bavail: 0,
      files: 0,
      ffree: 0,
      bsize: 512,
      namelen: 255,
      frsize: 512,
    });
  };

  // fuse_setxattr_in: u32 size, flags and, if agreed, setxattr_flags, padding; name; value
  table[OPCODE.SETXATTR] = (ops, request, frame, end, context) => {
    const head = context.setxattrExt ? 16 : 8;
    need(end, head, 'fuse_setxattr_in');
    const { words } = frame;
    if (ops.setxattr === undefined) return missing(request);
    const key = text(frame, IN_HEADER + head, end, 'FUSE_SETXATTR');
    const size = words[B];
    if (end - cursor < size)
      throw new DecodeError(
        'fuse_setxattr_in',
        cursor,
        `${size} bytes of value wanted, ${end - cursor} there`,
      );
    const value = Buffer.from(frame.buffer.subarray(cursor, cursor + size));
    return ops.setxattr(request, key, value, words[B + 1], context.setxattrExt ? words[B + 2] : 0);
  };

  // fuse_getxattr_in: u32 size, padding; name
  table[OPCODE.GETXATTR] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_getxattr_in');
    if (ops.getxattr === undefined) return missing(request);
    request.size = frame.words[B];
    return ops.getxattr(request, text(frame, IN_HEADER + 8, end, 'FUSE_GETXATTR'), request.size);
  };

  table[OPCODE.LISTXATTR] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_getxattr_in');
    if (ops.listxattr === undefined) return missing(request);
    request.size = frame.words[B];
    return ops.listxattr(request, request.size);
  };

  table[OPCODE.REMOVEXATTR] = (ops, request, frame, end) =>
    ops.removexattr === undefined
      ? missing(request)
      : ops.removexattr(request, text(frame, IN_HEADER, end, 'FUSE_REMOVEXATTR'));

  // fuse_access_in: u32 mask, padding
  table[OPCODE.ACCESS] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_access_in');
    return ops.access === undefined ? missing(request) : ops.access(request, frame.words[B]);
  };

  table[OPCODE.SYNCFS] = (ops, request) =>
    ops.syncfs === undefined ? missing(request) : ops.syncfs(request);
}
