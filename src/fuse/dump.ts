import { decodeFileName } from '../base/file-name.ts';
import { ENTRY_WORDS } from './encode.ts';
import { type Frame, i64, u64 } from './frame.ts';
import { IN_HEADER, OPCODE, OPCODE_NAMES, OUT_HEADER } from './protocol.ts';
import type { Request } from './request.ts';
import type { FuseForget } from './types.ts';

const B = IN_HEADER / 4;

/** '> 48 LOOKUP node=1 name=new'. Never throws, whatever the bytes are. */
export function describeRequest(frame: Frame, setxattrExt: boolean): string {
  const { words } = frame;
  const opcode = words[1];
  const body = bodyOf(opcode, frame, setxattrExt);
  return `> ${u64(words, 2)} ${OPCODE_NAMES[opcode] ?? `OPCODE_${opcode}`} node=${u64(words, 4).toString(16)}${body}`;
}

export function describeForget(forget: FuseForget): string {
  return `>   FORGET node=${forget.nodeid.toString(16)} nlookup=${forget.count}`;
}

/** '< 48 LOOKUP error=-2'; `words` hold the answer of `total` bytes, or its header at least. */
export function describeReply(request: Request, error: number, words: Uint32Array, total: number): string {
  const head = `< ${request.unique} ${OPCODE_NAMES[request.opcode] ?? request.opcode} `;
  if (error !== 0) return `${head}error=-${error}`;
  switch (request.opcode) {
    case OPCODE.LOOKUP:
    case OPCODE.SYMLINK:
    case OPCODE.MKNOD:
    case OPCODE.MKDIR:
    case OPCODE.LINK:
      return head + entryText(words);
    case OPCODE.CREATE:
    case OPCODE.TMPFILE:
      return `${head}${entryText(words)} open_flags=${words[6 + ENTRY_WORDS]}`;
    case OPCODE.OPEN:
    case OPCODE.OPENDIR:
      return `${head}open_flags=${words[6]}`;
    case OPCODE.READ:
    case OPCODE.READDIR:
    case OPCODE.READDIRPLUS:
      return `${head}bytes=${total - OUT_HEADER}`;
    case OPCODE.WRITE:
    case OPCODE.COPY_FILE_RANGE:
    case OPCODE.COPY_FILE_RANGE_64:
      return `${head}size=${u64(words, 4)}`;
    case OPCODE.LSEEK:
      return `${head}off=${u64(words, 4)}`;
    case OPCODE.POLL:
      return `${head}revents=0x${words[4].toString(16)}`;
    case OPCODE.INIT:
      return (
        `${head}major=${words[4]} minor=${words[5]} max_readahead=${words[6]} flags=0x${words[7].toString(16)} ` +
        `max_background=${words[8] & 0xffff} congestion=${words[8] >>> 16} max_write=${words[9]} time_gran=${words[10]} ` +
        `max_pages=${words[11] & 0xffff} flags2=0x${words[12].toString(16)}`
      );
    default:
      return head;
  }
}

function entryText(words: Uint32Array): string {
  return `node=${u64(words, 4).toString(16)} entry_valid=${u64(words, 8)} attr_valid=${u64(words, 10)}`;
}

function octal(value: number): string {
  return `0${value.toString(8)}`;
}

/** The strings of a body from byte `start`. */
function strings(frame: Frame, start: number): string[] {
  const found: string[] = [];
  let from = IN_HEADER + start;
  const end = Math.min(frame.length, from + 8192);
  for (let at = from; at < end && found.length < 2; at++) {
    if (frame.buffer[at] !== 0) continue;
    found.push(decodeFileName(frame.buffer, from, at));
    from = at + 1;
  }
  while (found.length < 2) found.push('');
  return found;
}

function bodyOf(opcode: number, frame: Frame, setxattrExt: boolean): string {
  const { words: w } = frame;
  switch (opcode) {
    case OPCODE.LOOKUP:
    case OPCODE.UNLINK:
    case OPCODE.RMDIR:
    case OPCODE.REMOVEXATTR:
      return ` name=${strings(frame, 0)[0]}`;
    case OPCODE.FORGET:
      return ` nlookup=${u64(w, B)}`;
    case OPCODE.BATCH_FORGET:
      return ` count=${w[B]}`;
    case OPCODE.GETATTR:
      return ` getattr_flags=${w[B]}`;
    case OPCODE.SETATTR:
      return ` valid=0x${w[B].toString(16)} size=${u64(w, B + 4)} mode=${octal(w[B + 17])}`;
    case OPCODE.STATX:
      return ` getattr_flags=${w[B]} flags=0x${w[B + 4].toString(16)} mask=0x${w[B + 5].toString(16)}`;
    case OPCODE.SYMLINK: {
      const [name, target] = strings(frame, 0);
      return ` name=${name} target=${target}`;
    }
    case OPCODE.MKNOD:
      return ` name=${strings(frame, 16)[0]} mode=${octal(w[B])} rdev=${w[B + 1]}`;
    case OPCODE.MKDIR:
      return ` name=${strings(frame, 8)[0]} mode=${octal(w[B])} umask=${octal(w[B + 1])}`;
    case OPCODE.RENAME: {
      const [from, to] = strings(frame, 8);
      return ` newdir=${u64(w, B)} ${from} -> ${to}`;
    }
    case OPCODE.RENAME2: {
      const [from, to] = strings(frame, 16);
      return ` newdir=${u64(w, B)} flags=${w[B + 2]} ${from} -> ${to}`;
    }
    case OPCODE.LINK:
      return ` oldnode=${u64(w, B)} name=${strings(frame, 8)[0]}`;
    case OPCODE.OPEN:
    case OPCODE.OPENDIR:
      return ` flags=${octal(w[B])}`;
    case OPCODE.CREATE:
      return ` name=${strings(frame, 16)[0]} flags=${octal(w[B])} mode=${octal(w[B + 1])} umask=${octal(w[B + 2])}`;
    case OPCODE.TMPFILE:
      return ` flags=${octal(w[B])} mode=${octal(w[B + 1])} umask=${octal(w[B + 2])}`;
    case OPCODE.READ:
    case OPCODE.READDIR:
    case OPCODE.READDIRPLUS:
      return ` off=${u64(w, B + 2)} size=${w[B + 4]}`;
    case OPCODE.WRITE:
      return ` off=${u64(w, B + 2)} size=${w[B + 4]} wflags=${w[B + 5]}`;
    case OPCODE.RELEASE:
    case OPCODE.RELEASEDIR:
      return ` flags=${octal(w[B + 2])}`;
    case OPCODE.FSYNC:
    case OPCODE.FSYNCDIR:
      return ` fsync_flags=${w[B + 2]}`;
    case OPCODE.SETXATTR:
      return ` name=${strings(frame, setxattrExt ? 16 : 8)[0]} size=${w[B]}`;
    case OPCODE.GETXATTR:
      return ` name=${strings(frame, 8)[0]} size=${w[B]}`;
    case OPCODE.LISTXATTR:
      return ` size=${w[B]}`;
    case OPCODE.GETLK:
    case OPCODE.SETLK:
    case OPCODE.SETLKW:
      return ` start=${u64(w, B + 4)} end=${lockEnd(w)} type=${w[B + 8]} lk_flags=${w[B + 10]}`;
    case OPCODE.ACCESS:
      return ` mask=${w[B]}`;
    case OPCODE.INTERRUPT:
      return ` unique=${u64(w, B)}`;
    case OPCODE.IOCTL:
      return ` cmd=0x${w[B + 3].toString(16)} in_size=${w[B + 6]} out_size=${w[B + 7]}`;
    case OPCODE.POLL:
      return ` flags=${w[B + 4]} events=0x${w[B + 5].toString(16)}`;
    case OPCODE.FALLOCATE:
      return ` off=${u64(w, B + 2)} len=${u64(w, B + 4)} mode=${w[B + 6]}`;
    case OPCODE.LSEEK:
      return ` off=${i64(w, B + 2)} whence=${w[B + 4]}`;
    case OPCODE.COPY_FILE_RANGE:
    case OPCODE.COPY_FILE_RANGE_64:
      return ` off=${u64(w, B + 2)} newnode=${u64(w, B + 4).toString(16)} newoff=${u64(w, B + 8)} len=${u64(w, B + 10)}`;
    case OPCODE.INIT:
      return ` major=${w[B]} minor=${w[B + 1]} max_readahead=${w[B + 2]} flags=0x${w[B + 3].toString(16)}`;
    default:
      return ' ';
  }
}

/** The end of a lock "to the end of the file" has more bits than a number. */
function lockEnd(words: Uint32Array): string {
  const { low, high } = { low: words[B + 6], high: words[B + 7] };
  return high === 0x7fffffff && low === 0xffffffff ? '9223372036854775807' : String(u64(words, B + 6));
}
