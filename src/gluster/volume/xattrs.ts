import { Dict } from '../types/dict.ts';

export const XATTR_CREATE = 1;
export const XATTR_REPLACE = 2;

/** An attribute's value in the form that setxattr takes. */
export function xattrDict(name: string, value: Uint8Array | string): Dict {
  const bytes =
    typeof value === 'string'
      ? Buffer.from(value)
      : Buffer.from(value.buffer, value.byteOffset, value.length);
  return new Dict().setBytes(name, bytes);
}

/** Names that a user may see of those that bricks send; the volume's own bookkeeping is not among them. */
export function visibleNames(dict: Dict): string[] {
  return [...dict.entries.keys()].filter(name => !HIDDEN.test(name));
}

const HIDDEN =
  /^(trusted\.(glusterfs|gfid|pgfid|afr|ec|bit-rot|SGI_ACL)|glusterfs\.)|^(gfid|link-count|get-file-count)$/;
