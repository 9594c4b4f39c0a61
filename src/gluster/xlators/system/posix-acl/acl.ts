/*
 * Access control lists as Linux keeps them in the xattrs system.posix_acl_access and system.posix_acl_default
 * (linux/posix_acl_xattr.h), little-endian:
 *
 *   u32 version = 2; { u16 tag; u16 perm; u32 id; }...
 */

const VERSION = 2;
const HEADER_SIZE = 4;
const ENTRY_SIZE = 8;
/** Of entries that are nobody's in particular. */
const UNDEFINED_ID = 0xffffffff;

export const USER_OBJ = 0x01;
export const USER = 0x02;
export const GROUP_OBJ = 0x04;
export const GROUP = 0x08;
export const MASK = 0x10;
export const OTHER = 0x20;

export const READ = 4;
export const WRITE = 2;
export const EXECUTE = 1;

export interface AclEntry {
  readonly tag: number;
  perm: number;
  readonly id: number;
}

/** Entries by tag, then by id. */
export type Acl = AclEntry[];

/** With no more than these three entries a list says what the mode says. */
const MINIMAL: Acl = [
  { tag: USER_OBJ, perm: 0, id: UNDEFINED_ID },
  { tag: GROUP_OBJ, perm: 0, id: UNDEFINED_ID },
  { tag: OTHER, perm: 0, id: UNDEFINED_ID },
];

/** Undefined for what is no list. */
export function decodeAcl(bytes: Buffer): Acl | undefined {
  if (bytes.length < HEADER_SIZE || (bytes.length - HEADER_SIZE) % ENTRY_SIZE !== 0) return undefined;
  if (bytes.readUInt32LE(0) !== VERSION) return undefined;
  const acl: Acl = [];
  for (let at = HEADER_SIZE; at < bytes.length; at += ENTRY_SIZE) {
    const tag = bytes.readUInt16LE(at);
    const perm = bytes.readUInt16LE(at + 2);
    const id = bytes.readUInt32LE(at + 4);
    if (tag === USER || tag === GROUP || tag === GROUP_OBJ) acl.push({ tag, perm, id });
    else if (tag === USER_OBJ || tag === MASK || tag === OTHER) acl.push({ tag, perm, id: UNDEFINED_ID });
    else return undefined;
  }
  return acl.sort((a, b) => a.tag - b.tag || a.id - b.id);
}

export function encodeAcl(acl: Acl): Buffer {
  const bytes = Buffer.alloc(HEADER_SIZE + acl.length * ENTRY_SIZE);
  bytes.writeUInt32LE(VERSION, 0);
  acl.forEach(({ tag, perm, id }, i) => {
    const at = HEADER_SIZE + i * ENTRY_SIZE;
    bytes.writeUInt16LE(tag, at);
    bytes.writeUInt16LE(perm, at + 2);
    bytes.writeUInt32LE(tag === USER || tag === GROUP ? id : UNDEFINED_ID, at + 4);
  });
  return bytes;
}

export function isExtended(acl: Acl | undefined): acl is Acl {
  return acl !== undefined && acl.length > MINIMAL.length;
}

/** Who asks. */
export interface Asker {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

export function isInGroup(asker: Asker, gid: number): boolean {
  return asker.gid === gid || asker.groups.includes(gid);
}

/** Owner and mode of a file. */
export interface Owned {
  uid: number;
  gid: number;
  mode: number;
}

/** Whether a list, or the mode where there is none, gives `want` (READ, WRITE, EXECUTE) to who asks. */
export function permits(asker: Asker, file: Owned, list: Acl | undefined, want: number): boolean {
  const acl = list ?? MINIMAL;
  const extended = isExtended(list);
  const perm = matching(asker, file, acl, extended, want);
  if (perm === undefined) return false;
  const mask = perm.masked ? acl.find(({ tag }) => tag === MASK) : undefined;
  return ((mask === undefined ? perm.perm : perm.perm & mask.perm) & want) === want;
}

/** The permissions of the entry that decides, and whether the mask narrows them. */
function matching(
  asker: Asker,
  file: Owned,
  acl: Acl,
  extended: boolean,
  want: number,
): { perm: number; masked: boolean } | undefined {
  let inSomeGroup = false;
  for (const { tag, perm, id } of acl)
    switch (tag) {
      case USER_OBJ:
        if (asker.uid === file.uid) return { perm: (file.mode >> 6) & 7, masked: false };
        break;
      case USER:
        if (asker.uid === id) return { perm, masked: true };
        break;
      case GROUP_OBJ:
      case GROUP: {
        const own = tag === GROUP_OBJ;
        if (!isInGroup(asker, own ? file.gid : id)) break;
        inSomeGroup = true;
        const has = own && !extended ? (file.mode >> 3) & 7 : perm;
        if ((has & want) === want) return { perm: has, masked: true };
        break;
      }
      case OTHER:
        return inSomeGroup ? undefined : { perm: file.mode & 7, masked: false };
    }
  // A list without an entry for others.
  return undefined;
}

/** The mode that a list stands for; permissions that it does not speak of stay. */
export function modeOfAcl(acl: Acl, mode: number): number {
  const perm = (tag: number) => acl.find(entry => entry.tag === tag)?.perm;
  const group = perm(MASK) ?? perm(GROUP_OBJ);
  let result = mode;
  const put = (value: number | undefined, shift: number) => {
    if (value !== undefined) result = (result & ~(7 << shift)) | ((value & 7) << shift);
  };
  put(perm(USER_OBJ), 6);
  put(group, 3);
  put(perm(OTHER), 0);
  return result;
}

/** Takes a changed mode over into a list. */
export function applyMode(acl: Acl, mode: number): void {
  const set = (tag: number, perm: number): boolean => {
    const entry = acl.find(one => one.tag === tag);
    if (entry !== undefined) entry.perm = perm & 7;
    return entry !== undefined;
  };
  set(USER_OBJ, mode >> 6);
  set(OTHER, mode);
  if (!set(MASK, mode >> 3)) set(GROUP_OBJ, mode >> 3);
}

/** What a new file gets of its directory's default list when it is made with `mode`: its list and its mode. */
export function inherit(parent: Acl, mode: number): { acl: Acl; mode: number } {
  const acl = parent.map(entry => ({ ...entry }));
  let narrowed = mode;
  const narrow = (entry: AclEntry | undefined, shift: number): boolean => {
    if (entry === undefined) return false;
    entry.perm &= (narrowed >> shift) | ~7;
    narrowed &= (entry.perm << shift) | ~(7 << shift);
    return true;
  };
  const entry = (tag: number) => acl.find(one => one.tag === tag);
  narrow(entry(USER_OBJ), 6);
  narrow(entry(OTHER), 0);
  if (!narrow(entry(MASK), 3)) narrow(entry(GROUP_OBJ), 3);
  return { acl, mode: narrowed };
}
