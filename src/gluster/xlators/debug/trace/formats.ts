import type { Fd } from '../../../graph/fd.ts';
import { paramIndex } from '../../../graph/fop-params.ts';
import type { FopName } from '../../../graph/fops.ts';
import { Loc } from '../../../graph/loc.ts';
import { bytesOf } from '../../../graph/trace-detail.ts';
import { ENTRYLK_LOCK, ENTRYLK_RDLCK, type Flock, type StatVfs } from '../../../types/fs.ts';
import { formatGfid, GFID_NULL, inoHigh, inoLow } from '../../../types/gfid.ts';
import {
  Iatt,
  SET_ATTR_ATIME,
  SET_ATTR_GID,
  SET_ATTR_MODE,
  SET_ATTR_MTIME,
  SET_ATTR_UID,
} from '../../../types/iatt.ts';

/*
 * Lines of debug/trace (xlators/debug/trace/src/trace.c): one when a fop goes down, one when its answer comes up; `{...}` stands for
 * what is between the braces, `:o` octal, `:x` hexadecimal.
 */

const DOWN: Readonly<Partial<Record<FopName, string>>> = {
  entrylk: 'gfid={gfid} volume={volume}, (path={path} basename={basename}, cmd={entryCmd}, type={entryType})',
  fentrylk: 'gfid={gfid} volume={volume}, (fd={fd} basename={basename}, cmd={entryCmd}, type={entryType})',
  inodelk: 'gfid={gfid} volume={volume}, (path={path} cmd={lockCmd}, type={lockType}, {range})',
  finodelk: 'gfid={gfid} volume={volume}, (fd ={fd} cmd={lockCmd}, type={lockType}, {range})',
  xattrop: 'gfid={gfid} (path={path} flags={op})',
  fxattrop: 'gfid={gfid} fd={fd}, flags={op}',
  lookup: 'gfid={gfid} path={path}',
  stat: 'gfid={gfid} path={path}',
  readlink: 'gfid={gfid} path={path}, size={size})',
  mknod: 'gfid={gfid} path={path} mode={mode} umask=0{umask:o}, dev={rdev})',
  mkdir: 'gfid={gfid} path={path} mode={mode} umask=0{umask:o}',
  unlink: 'gfid={gfid} path={path} flag={xflags}',
  rmdir: 'gfid={gfid} path={path} flags={flags}',
  symlink: 'gfid={gfid} linkpath={target}, path={path} umask=0{umask:o}',
  rename: 'oldgfid={gfid} oldpath={path} --> newgfid={newgfid} newpath={newpath}',
  link: 'oldgfid={gfid} oldpath={path} --> newgfid={newgfid} newpath={newpath}',
  seek: 'gfid={gfid} fd={fd} offset={offset} what={what}',
  truncate: 'gfid={gfid} path={path}, offset={offset}',
  open: 'gfid={gfid} path={path} flags={flags} fd={fd}',
  create: 'gfid={gfid} path={path}, fd={fd}, flags=0{flags:o} mode=0{mode:o} umask=0{umask:o}',
  readv: 'gfid={gfid} fd={fd}, size={size}offset={offset} flags=0{flags:x})',
  writev: 'gfid={gfid} fd={fd}, count={count},  offset={offset} flags=0{flags:x} write_size={bytes}',
  statfs: 'gfid={gfid} path={path}',
  flush: 'gfid={gfid} fd={fd}',
  fsync: 'gfid={gfid} flags={datasync} fd={fd}',
  setxattr: 'gfid={gfid} path={path} flags={flags}',
  getxattr: 'gfid={gfid} path={path} name={name}',
  removexattr: 'gfid={gfid} path={path} name={name}',
  opendir: 'gfid={gfid} path={path} fd={fd}',
  readdirp: 'gfid={gfid} fd={fd}, size={size}, offset={offset} dict={dict}',
  readdir: 'gfid={gfid} fd={fd}, size={size}, offset={offset}',
  fsyncdir: 'gfid={gfid} datasync={datasync} fd={fd}',
  access: 'gfid={gfid} path={path} mask=0{mask:o}',
  rchecksum: 'gfid={gfid} offset={offset}len={length} fd={fd}',
  fgetxattr: 'gfid={gfid} fd={fd} name={name}',
  fsetxattr: 'gfid={gfid} fd={fd} flags={flags}',
  ftruncate: 'gfid={gfid} offset={offset} fd={fd}',
  fstat: 'gfid={gfid} fd={fd}',
  lk: 'gfid={gfid} fd={fd}, cmd={cmd}, lock {flock})',
};

const UP: Readonly<Partial<Record<FopName, string>>> = {
  create: 'gfid={gfid} (op_ret=0, fd={fd}*stbuf {stat}, *preparent {preparent}, *postparent = {postparent})',
  open: 'gfid={gfid} op_ret=0, op_errno=0, *fd={fd}',
  stat: 'gfid={gfid} op_ret=0 buf={bareStat}',
  fstat: 'gfid={gfid} op_ret=0 buf={bareStat}',
  readv: 'gfid={gfid} op_ret={length} buf={bareStat}',
  writev: '(op_ret={written}, *prebuf = {pre}, *postbuf = {post})',
  fsync: '(op_ret=0, *prebuf = {pre}, *postbuf = {post}',
  setattr: '(op_ret=0, *prebuf = {pre}, *postbuf = {post})',
  fsetattr: '(op_ret=0, *prebuf = {pre}, *postbuf = {post})',
  unlink: 'gfid={gfid} op_ret=0,  *preparent = {preparent}, *postparent = {postparent})',
  rmdir: 'gfid={gfid} op_ret=0, *prebuf={preparent},  *postbuf={postparent}',
  rename:
    '(op_ret=0, *stbuf = {stat}, *preoldparent = {preoldparent}, *postoldparent = {postoldparent} ' +
    '*prenewparent = {prenewparent}, *postnewparent = {postnewparent})',
  readlink: 'gfid={gfid} op_ret={pathLength}, op_errno=0',
  lookup: 'gfid={statGfid} (op_ret=0 *buf {stat}, *postparent {postparent}',
  symlink: 'gfid={gfid} (op_ret=0 *stbuf = {stat}, *preparent = {preparent}, *postparent = {postparent})',
  mknod: 'gfid={gfid} (op_ret=0 *stbuf = {stat}, *preparent = {preparent}, *postparent = {postparent})',
  mkdir: 'gfid={gfid} (op_ret=0 , *stbuf = {stat}, *prebuf = {preparent}, *postbuf = {postparent} )',
  link: '(op_ret=0, *stbuf = {stat},  *prebuf = {preparent}, *postbuf = {postparent})',
  opendir: 'gfid={gfid} op_ret=0, op_errno=0, fd={fd}',
  truncate: '(op_ret=0, *prebuf = {pre}, *postbuf = {post} )',
  ftruncate: 'op_ret=0, *prebuf = {pre}, *postbuf = {post} )',
  statfs: '({statfs}) => ret=0',
  lk: 'gfid={gfid} op_ret=0, {answeredLock})',
  seek: 'gfid={gfid} op_ret=0 op_errno=0, offset={answeredOffset}',
  readdir: 'gfid={gfid} op_ret={entries}, op_errno=0',
  readdirp: 'gfid={gfid} op_ret={entries}, op_errno=0',
};

/** Their line of failure ends without the bracket that was never opened. */
const NO_BRACKET: ReadonlySet<FopName> = new Set<FopName>([
  ...([
    'open',
    'writev',
    'readdir',
    'readdirp',
    'fsync',
    'rename',
    'readlink',
    'link',
    'flush',
    'opendir',
  ] as const),
  ...(['rmdir', 'truncate', 'ftruncate', 'fstat', 'setxattr', 'getxattr', 'fsetxattr', 'fgetxattr'] as const),
  ...([
    'removexattr',
    'fsyncdir',
    'entrylk',
    'fentrylk',
    'xattrop',
    'fxattrop',
    'inodelk',
    'finodelk',
  ] as const),
  'rchecksum',
]);

const LOCK_COMMANDS: Readonly<Record<number, string>> = { 5: 'GETLK', 6: 'SETLK', 7: 'SETLKW' };
const LOCK_TYPES = ['READ', 'WRITE', 'UNLOCK'];

/** '2026-11-29-01:54:31 +0000'. */
function timeText(seconds: number): string {
  if (seconds === 0) return 'N/A';
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', '-')} +0000`;
}

/** 'Jan 01 00:00:01 +0000'. */
function shortTimeText(seconds: number): string {
  const [, day, month, , time] = new Date(seconds * 1000).toUTCString().split(' ');
  return `${month} ${day} ${time} +0000`;
}

/** Where an answer has none. */
const NO_STAT = new Iatt();

/** Attributes as the log has them. */
export function statText(stat: Iatt = NO_STAT): string {
  const ino = (BigInt(inoHigh(stat.gfid)) << 32n) | BigInt(inoLow(stat.gfid));
  return (
    `gfid=${formatGfid(stat.gfid)} ino=${ino}, mode=${stat.mode.toString(8)}, nlink=${stat.nlink}, ` +
    `uid=${stat.uid}, gid=${stat.gid}, size=${stat.size}, blocks=${stat.blocks}, atime=${timeText(stat.atime)} ` +
    `mtime=${timeText(stat.mtime)} ctime=${timeText(stat.ctime)} atime_sec=${stat.atime}, atime_nsec=${stat.atimeNsec}, ` +
    `mtime_sec=${stat.mtime}, mtime_nsec=${stat.mtimeNsec}, ctime_sec=${stat.ctime}, ctime_nsec=${stat.ctimeNsec}`
  );
}

function flockText({ type, whence, start, len, pid }: Flock): string {
  return `{l_type=${type}, l_whence=${whence}, l_start=${start}, l_len=${len}, l_pid=${pid}}`;
}

function statfsText(s: StatVfs): string {
  return (
    `{f_bsize=${s.bsize}, f_frsize=${s.frsize}, f_blocks=${s.blocks}, f_bfree=${s.bfree}, f_bavail=${s.bavail}, ` +
    `f_files=${s.files}, f_ffree=${s.ffree}, f_favail=${s.favail}, f_fsid=${s.fsid}, f_flag=${s.flag}, ` +
    `f_namemax=${s.namemax}}`
  );
}

function gfidText(subject: Loc | Fd | undefined): string {
  if (subject === undefined) return '0';
  return formatGfid(subject instanceof Loc ? subject.gfid : subject.inode.gfid);
}

function requested(fop: FopName, args: readonly unknown[], key: string): string | undefined {
  const arg = (name: string) => args[paramIndex(fop, name)];
  const [bare, radix] = key.split(':');
  switch (bare) {
    case 'gfid':
      return gfidText((arg('loc') ?? arg('fd')) as Loc | Fd | undefined);
    case 'path':
      return (arg('loc') as Loc).path;
    case 'newgfid': {
      const to = arg('newloc') as Loc;
      return to.gfid === GFID_NULL ? '0' : gfidText(to);
    }
    case 'newpath':
      return (arg('newloc') as Loc).path;
    case 'fd':
      return `0x${(arg('fd') as Fd).inode.id.toString(16)}`;
    case 'dict':
      return arg('xdata') === undefined ? '(nil)' : '0x1';
    case 'count':
      return String((arg('data') as readonly Buffer[]).length);
    case 'bytes':
      return String(bytesOf(arg('data') as readonly Buffer[]));
    case 'entryCmd':
      return arg('cmd') === ENTRYLK_LOCK ? 'ENTRYLK_LOCK' : 'ENTRYLK_UNLOCK';
    case 'entryType':
      return arg('type') === ENTRYLK_RDLCK ? 'ENTRYLK_RDLCK' : 'ENTRYLK_WRLCK';
    case 'lockCmd':
      return LOCK_COMMANDS[arg('cmd') as number] ?? 'unknown';
    case 'lockType':
      return LOCK_TYPES[(arg('flock') as Flock).type] ?? 'UNKNOWN';
    case 'range': {
      const { start, len, pid } = arg('flock') as Flock;
      return `start=${start}, len=${len}, pid=${pid}`;
    }
    case 'flock':
      return flockText(arg('flock') as Flock);
    default: {
      const value = arg(bare);
      if (typeof value === 'boolean') return String(Number(value));
      if (typeof value === 'number') return value.toString(radix === 'o' ? 8 : radix === 'x' ? 16 : 10);
      return value === undefined ? '(null)' : String(value);
    }
  }
}

function answered(
  fop: FopName,
  args: readonly unknown[],
  answer: Record<string, unknown>,
  key: string,
): string {
  switch (key) {
    case 'bareStat':
      return statText(answer['stat'] as Iatt);
    case 'statGfid':
      return formatGfid((answer['stat'] as Iatt).gfid);
    case 'length':
    case 'written':
      return String(answer[key]);
    case 'pathLength':
      return String((answer['path'] as string).length);
    case 'statfs':
      return statfsText(answer['statfs'] as StatVfs);
    case 'answeredLock':
      return flockText(answer['flock'] as Flock);
    case 'answeredOffset':
      return String(answer['offset']);
    case 'entries':
      return String((answer['entries'] as unknown[]).length);
    case 'gfid':
    case 'fd':
      return requested(fop, args, key)!;
    default:
      return `{${statText(answer[key] as Iatt | undefined)}}`;
  }
}

function fill(template: string, value: (key: string) => string | undefined): string {
  return template.replace(/\{([a-zA-Z]+(?::[ox])?)\}/g, (_, key: string) => value(key) ?? '');
}

/** Whether trace logs this fop. */
export function isLogged(fop: FopName): boolean {
  return DOWN[fop] !== undefined || fop === 'setattr' || fop === 'fsetattr';
}

/** What is logged when a fop goes down: no line, one, or several. */
export function downLines(fop: FopName, unique: number, args: readonly unknown[]): string[] {
  if (fop === 'setattr' || fop === 'fsetattr') return setattrLines(fop, unique, args);
  const template = DOWN[fop];
  return template === undefined ? [] : [`${unique}: ${fill(template, key => requested(fop, args, key))}`];
}

function setattrLines(fop: FopName, unique: number, args: readonly unknown[]): string[] {
  const [, stat, valid] = args as [unknown, Iatt, number];
  const subject = fill(fop === 'setattr' ? 'gfid={gfid} path={path}' : 'gfid={gfid} fd={fd},', key =>
    requested(fop, args, key),
  );
  const lines: string[] = [];
  if (valid & SET_ATTR_MODE) lines.push(`${unique}: ${subject} mode=${stat.mode.toString(8)})`);
  if (valid & (SET_ATTR_UID | SET_ATTR_GID))
    lines.push(`${unique}: ${subject} uid=${stat.uid.toString(8)}, gid=${stat.gid.toString(8)}`);
  if (valid & (SET_ATTR_ATIME | SET_ATTR_MTIME))
    lines.push(
      `${unique}: ${subject} ia_atime=${shortTimeText(stat.atime)}, ia_mtime=${shortTimeText(stat.mtime)}`,
    );
  return lines;
}

/** What is logged when the answer comes. */
export function upLines(fop: FopName, unique: number, args: readonly unknown[], answer: object): string[] {
  const template = UP[fop] ?? 'gfid={gfid} op_ret=0, op_errno=0';
  const record = answer as Record<string, unknown>;
  const lines = [`${unique}: ${fill(template, key => answered(fop, args, record, key))}`];
  if (fop !== 'readdirp') return lines;
  const gfid = requested(fop, args, 'gfid');
  (record['entries'] as { name: string; stat?: Iatt }[]).forEach(({ name, stat }, i) => {
    lines.push(`entry no. ${i + 1}, pargfid=${gfid}, bname=${name} *buf {${statText(stat)}}`);
  });
  return lines;
}

/** What is logged when a file is closed for good. */
export function releasedLine(fd: Fd): string {
  return `gfid=${formatGfid(fd.inode.gfid)} fd=0x${fd.inode.id.toString(16)}`;
}

/** What is logged when it fails. */
export function failedLine(fop: FopName, unique: number, args: readonly unknown[], errno: number): string {
  const gfid = fop === 'ipc' ? '0' : requested(fop, args, 'gfid');
  const end = NO_BRACKET.has(fop) ? '' : ')';
  return `${unique}: gfid=${gfid} op_ret=-1, op_errno=${errno}${end}`;
}
