import { type MemoryNode, S_IFDIR, S_IFMT } from './memory-node.ts';

// posix_acl_xattr: u32 version (2); then entries { u16 tag, perm; u32 id }
const USER_OBJ = 1;
const GROUP_OBJ = 4;
const MASK = 16;
const OTHER = 32;

function permOf(acl: Buffer, tag: number): number | undefined {
  for (let at = 4; at + 8 <= acl.length; at += 8)
    if (acl.readUInt16LE(at) === tag) return acl.readUInt16LE(at + 2);
  return undefined;
}

/** The mode that an access ACL stands for. */
export function modeOfAcl(mode: number, acl: Buffer): number {
  const user = permOf(acl, USER_OBJ) ?? 0;
  const group = permOf(acl, MASK) ?? permOf(acl, GROUP_OBJ) ?? 0;
  const other = permOf(acl, OTHER) ?? 0;
  return (mode & ~0o777) | (user << 6) | (group << 3) | other;
}

/** What a directory's default ACL gives a new inode: masked by the mode asked for, instead of the umask. */
export function inheritAcl(node: MemoryNode, acl: Buffer, access: string, byDefault: string): void {
  const { attr } = node;
  const own = Buffer.from(acl);
  const grouped = permOf(own, MASK) !== undefined ? MASK : GROUP_OBJ;
  for (let at = 4; at + 8 <= own.length; at += 8) {
    const tag = own.readUInt16LE(at);
    const shift = tag === USER_OBJ ? 6 : tag === grouped ? 3 : tag === OTHER ? 0 : -1;
    if (shift >= 0) own.writeUInt16LE(own.readUInt16LE(at + 2) & (attr.mode >>> shift) & 7, at + 2);
  }
  attr.mode = modeOfAcl(attr.mode, own);
  node.xattrs = new Map();
  if (own.length > 4 + 3 * 8) node.xattrs.set(access, own);
  if ((attr.mode & S_IFMT) === S_IFDIR) node.xattrs.set(byDefault, acl);
}
