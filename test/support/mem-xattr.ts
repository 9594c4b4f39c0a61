import { ERRNO } from '../../src/base/errno.ts';
import { FopError } from '../../src/gluster/graph/fop-error.ts';
import { Dict, type DictValue } from '../../src/gluster/types/dict.ts';
import type { MemFile } from './mem-store.ts';

const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;

/** What arithmetic `xattrop` does (`gf_xattrop_flags_t`, libglusterfs/glusterfs-fops.h). */
export const XATTROP_ADD_ARRAY = 0;
export const XATTROP_ADD_ARRAY64 = 1;
export const XATTROP_OR_ARRAY = 2;
export const XATTROP_AND_ARRAY = 3;
export const XATTROP_GET_AND_SET = 4;
export const XATTROP_ADD_ARRAY_WITH_DEFAULT = 5;
export const XATTROP_ADD_ARRAY64_WITH_DEFAULT = 6;

function bytesOf(key: string, value: DictValue): Buffer {
  const dict = new Dict([[key, value]]);
  return Buffer.from(dict.bytes(key) ?? Buffer.from(String(dict.int(key) ?? ''), 'latin1'));
}

export function setXattrs(file: MemFile, dict: Dict, flags: number): void {
  for (const [key, value] of dict.entries) {
    if (key === 'trusted.gfid') throw new FopError(ERRNO['EPERM']);
    const there = file.xattrs.has(key);
    if (there && (flags & XATTR_CREATE) !== 0) throw new FopError(ERRNO['EEXIST']);
    if (!there && (flags & XATTR_REPLACE) !== 0) throw new FopError(ERRNO['ENODATA']);
    file.xattrs.set(key, bytesOf(key, value));
  }
}

export function removeXattr(file: MemFile, name: string): void {
  if (name === 'trusted.gfid') throw new FopError(ERRNO['EPERM']);
  if (!file.xattrs.delete(name)) throw new FopError(ERRNO['ENODATA']);
}

/** The bytes that were there, in memory of the caller's own. */
export function getXattrs(file: MemFile, name: string | undefined): Dict {
  const dict = new Dict();
  if (name === undefined) {
    for (const [key, value] of file.xattrs) dict.setBytes(key, Buffer.from(value));
    return dict;
  }
  if (name === 'glusterfs.open-fd-count') return dict.setUint(name, file.opens);
  const value = file.xattrs.get(name);
  if (value === undefined) throw new FopError(ERRNO['ENODATA']);
  return dict.setBytes(name, Buffer.from(value));
}

/** What a fop's xdata asks for, answered: contents of small files, counts, and extended attributes by name or pattern. */
export function answerRequests(
  file: MemFile,
  request: Dict | undefined,
  withContent: boolean,
): Dict | undefined {
  if (request === undefined || request.size === 0) return undefined;
  const answer = new Dict();
  for (const [key, value] of request.entries) {
    if (key === 'gfid-req') continue;
    if (key === 'glusterfs.content') {
      const most = Number('value' in value ? value.value : 0);
      if (withContent && file.data !== undefined && file.data.size <= most)
        answer.setBytes(key, file.data.read(0, file.data.size));
    } else if (key === 'glusterfs.open-fd-count' || key === 'glusterfs.open-active-fd-count') {
      answer.setUint(key, file.opens);
    } else if (key === 'list-xattr') {
      for (const [name, bytes] of file.xattrs) answer.setBytes(name, Buffer.from(bytes));
    } else if (key.includes('*')) {
      const pattern = new RegExp(`^${key.split('*').map(literal).join('.*')}$`, 's');
      for (const [name, bytes] of file.xattrs)
        if (pattern.test(name)) answer.setBytes(name, Buffer.from(bytes));
    } else {
      const bytes = file.xattrs.get(key);
      if (bytes !== undefined) answer.setBytes(key, Buffer.from(bytes));
    }
  }
  return answer;
}

function literal(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
}

/** Changes arrays of big-endian integers at once, and returns what they are now (GET_AND_SET: what they were). */
export function xattrop(file: MemFile, op: number, dict: Dict): Dict {
  const answer = new Dict();
  for (const [key, value] of dict.entries) {
    const given = bytesOf(key, value);
    const withDefault = op === XATTROP_ADD_ARRAY_WITH_DEFAULT || op === XATTROP_ADD_ARRAY64_WITH_DEFAULT;
    const length = withDefault ? given.length / 2 : given.length;
    const old = file.xattrs.get(key);
    if (op === XATTROP_GET_AND_SET) {
      if (old !== undefined) answer.setBytes(key, Buffer.from(old));
      file.xattrs.set(key, given);
      continue;
    }
    const array = Buffer.alloc(length);
    old?.copy(array, 0, 0, length);
    // Zeros change nothing, and make nothing that was not there.
    if (given.some(byte => byte !== 0)) {
      if (old === undefined && withDefault) given.copy(array, 0, length);
      combine(op, array, given);
      file.xattrs.set(key, Buffer.from(array));
    }
    answer.setBytes(key, array);
  }
  return answer;
}

function combine(op: number, into: Buffer, from: Buffer): void {
  switch (op) {
    case XATTROP_ADD_ARRAY:
    case XATTROP_ADD_ARRAY_WITH_DEFAULT:
      for (let i = 0; i + 4 <= into.length; i += 4)
        into.writeInt32BE((into.readInt32BE(i) + from.readInt32BE(i)) | 0, i);
      return;
    case XATTROP_ADD_ARRAY64:
    case XATTROP_ADD_ARRAY64_WITH_DEFAULT:
      for (let i = 0; i + 8 <= into.length; i += 8)
        into.writeBigInt64BE(BigInt.asIntN(64, into.readBigInt64BE(i) + from.readBigInt64BE(i)), i);
      return;
    case XATTROP_OR_ARRAY:
      for (let i = 0; i < into.length; i++) into[i] |= from[i];
      return;
    case XATTROP_AND_ARRAY:
      for (let i = 0; i < into.length; i++) into[i] &= from[i];
      return;
    default:
      throw new FopError(ERRNO['EINVAL']);
  }
}
