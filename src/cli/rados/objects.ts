import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import {
  OP_FADVISE_DONTNEED,
  OP_FADVISE_NOCACHE,
  OP_FADVISE_SEQUENTIAL,
  OPERATION_FULL_FORCE,
  OPERATION_FULL_TRY,
  WriteOperation,
} from '../../ceph/rados/index.ts';
import { strerror } from '../shared/errors.ts';
import { formatBytes } from '../shared/format.ts';
import { Progress } from '../shared/progress.ts';
import { parseBytes, ToolError } from './options.ts';
import {
  attempt,
  errnoOf,
  failTwice,
  print,
  printBytes,
  reason,
  type Session,
  type Verb,
} from './session.ts';
import { localTime } from './time.ts';

/** Operations of one transfer that are under way at the same time. */
const IN_FLIGHT = 4;

function ioError(error: unknown): string {
  return strerror((error as NodeJS.ErrnoException).errno ?? 5);
}

/** Fills the buffer from a file as far as the file goes. */
function readChunk(fd: number, into: Buffer): number {
  let n = 0;
  while (n < into.length) {
    let got: number;
    try {
      got = readSync(fd, into, n, into.length - n, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') break;
      if (code !== 'EAGAIN') throw error;
      // A terminal or pipe in non-blocking mode with nothing in it yet.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      continue;
    }
    if (got === 0) break;
    n += got;
  }
  return n;
}

/** Hands the input to `each` in pieces of at most `size`; pieces are not changed afterwards. */
async function readPieces(
  path: string,
  size: number,
  each: (piece: Buffer, offset: number) => Promise<void> | undefined,
): Promise<number> {
  let fd: number;
  try {
    fd = path === '-' ? 0 : openSync(path, 'r');
  } catch (error) {
    throw new ToolError(`error reading input file ${path}: ${ioError(error)}`);
  }
  let offset = 0;
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(size);
      let n: number;
      try {
        n = readChunk(fd, buffer);
      } catch (error) {
        throw new ToolError(`error reading input file ${path}: ${ioError(error)}`);
      }
      if (n === 0) return offset;
      await each(buffer.subarray(0, n), offset);
      offset += n;
      if (n < size) return offset;
    }
  } finally {
    if (fd !== 0) closeSync(fd);
  }
}

async function put(s: Session, [oid, path]: readonly string[]): Promise<void> {
  const start = s.options.offset === undefined ? 0 : parseBytes('offset', s.options.offset);
  const whole = s.options.offset === undefined;
  using progress = new Progress();
  const failed = (error: unknown) => new ToolError(`error putting ${s.poolName}/${oid}: ${reason(error)}`);
  const running: Promise<unknown>[] = [];
  const write = async (piece: Buffer, at: number): Promise<void> => {
    progress.update(() => `${oid}: ${formatBytes(at)}`);
    const offset = start + at;
    const written = whole && offset === 0 ? s.io.writeFull(oid, piece) : s.io.write(oid, piece, { offset });
    written.catch(() => {}); // it is waited for below
    running.push(written);
    if (running.length >= IN_FLIGHT) await running.shift();
  };
  try {
    const length = await readPieces(path, s.opSize, write);
    for (const written of running) await written;
    if (length === 0) {
      await s.io.writeFull(oid, '');
      if (start > 0) await s.io.truncate(oid, start);
    }
  } catch (error) {
    if (error instanceof ToolError) throw error;
    throw failed(error);
  }
}

async function append(s: Session, [oid, path]: readonly string[]): Promise<void> {
  const what = `error appending ${s.poolName}/${oid}`;
  const length = await readPieces(path, s.opSize, piece =>
    attempt(what, async () => {
      await s.io.append(oid, piece);
    }),
  );
  if (length === 0) await attempt(what, () => s.io.append(oid, ''));
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

async function get(s: Session, [oid, path]: readonly string[]): Promise<void> {
  const { opSize } = s;
  using progress = new Progress();
  const what = `error getting ${s.poolName}/${oid}`;
  let fd = -1;
  if (path !== '-') {
    try {
      fd = openSync(path, 'w', 0o644);
    } catch (error) {
      const text = ioError(error);
      throw new ToolError(`failed to open file: ${text}\n${what}: ${text}`);
    }
  }
  try {
    await attempt(what, async () => {
      const { size } = await s.io.stat(oid);
      const running: Promise<Buffer>[] = [];
      let asked = 0;
      const ask = () => {
        const read = s.io.read(oid, { offset: asked, length: opSize });
        read.catch(() => {}); // it is waited for below
        running.push(read);
        asked += opSize;
      };
      while (running.length < IN_FLIGHT && asked < size) ask();
      for (let offset = 0; ; ) {
        if (running.length === 0) ask();
        const data = await running.shift()!;
        if (fd < 0) await printBytes(data);
        else writeAll(fd, data);
        offset += data.length;
        progress.update(() => `${oid}: ${formatBytes(offset)} of ${formatBytes(size)}`);
        if (data.length < opSize) return;
        if (asked < size) ask();
        else if (running.length === 0 && offset >= size) return;
      }
    });
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

async function truncate(s: Session, [oid, text]: readonly string[]): Promise<void> {
  if (!/^[+-]?\d+$/.test(text)) throw new ToolError(`Invalid value for size: '${text}'`);
  const size = Number(text);
  if (size < 0) throw new ToolError('error, cannot truncate to negative value');
  try {
    await s.io.truncate(oid, size);
  } catch (error) {
    const errno = errnoOf(error);
    throw failTwice(`error truncating oid ${oid} to ${size}: ${strerror(errno)}`, errno);
  }
}

function stat(precise: boolean): Verb['run'] {
  return async (s, [oid]) => {
    const where = `${s.poolName}/${oid}`;
    const { size, mtimeSpec } = await attempt(` error stat-ing ${where}`, () => s.io.stat(oid));
    const time = localTime(mtimeSpec.sec, precise ? mtimeSpec.nsec : 0);
    print(`${where} mtime ${time}, size ${size}\n`);
  };
}

async function touch(s: Session, [oid, text]: readonly string[]): Promise<void> {
  if (text !== undefined && !/^[+-]?\d+$/.test(text))
    throw new ToolError(`Invalid value for timestamp: '${text}'`);
  const mtime =
    text === undefined ? new Date(Math.floor(Date.now() / 1000) * 1000) : new Date(Number(text) * 1000);
  await attempt(` error touch-ing ${s.poolName}/${oid}`, () => s.io.create(oid, { mtime }));
}

async function remove(s: Session, oids: readonly string[]): Promise<void> {
  const flags = s.options.forceFull ? OPERATION_FULL_FORCE | OPERATION_FULL_TRY : 0;
  for (const oid of oids) {
    const name = s.io.namespace === '' ? oid : `${s.io.namespace}/${oid}`;
    await attempt(`error removing ${s.poolName}>${name}`, () => s.io.remove(oid, { flags }));
  }
}

async function copy(s: Session, words: readonly string[]): Promise<void> {
  const { cluster, poolName, options } = s;
  const [oid] = words;
  const targetPool = options.targetPool ?? poolName;
  if (words.length < 2 && targetPool === poolName) throw new ToolError('cannot copy object into itself');
  const target = words[1] ?? oid;
  const io = await attempt(`error opening target pool ${targetPool}`, () =>
    cluster.openPool(targetPool, { namespace: options.targetNspace, locator: options.targetLocator }),
  );
  await attempt(`error copying ${poolName}/${oid} => ${targetPool}/${target}`, () =>
    io.operate(target, copyOperation(s, oid)),
  );
}

function copyOperation(s: Session, oid: string): WriteOperation {
  return new WriteOperation()
    .copyFrom({ io: s.io, oid })
    .opFlags(OP_FADVISE_SEQUENTIAL | OP_FADVISE_NOCACHE | OP_FADVISE_DONTNEED);
}

async function mapext(s: Session, [oid]: readonly string[]): Promise<void> {
  const what = `mapext error on ${s.poolName}/${oid}`;
  await attempt(what, async () => {
    const { size } = await s.io.stat(oid);
    if (size === 0) return;
    const { extents } = await s.io.sparseRead(oid, { offset: 0, length: size });
    for (const { offset, length } of extents) print(`${offset.toString(16)}\t${length.toString(16)}\n`);
  });
}

async function setAllocHint(s: Session, [oid, ...sizes]: readonly string[]): Promise<void> {
  const [expectedObjectSize, expectedWriteSize] = sizes.slice(0, 2).map((text, i) => {
    if (/^[+-]?\d+$/.test(text)) return Number(text);
    const name = i === 0 ? 'expected_object_size' : 'expected_write_size';
    throw new ToolError(`couldn't parse ${name}: Expected option value to be integer, got '${text}'`);
  });
  await attempt(`error setting alloc-hint ${s.poolName}/${oid}`, () =>
    s.io.setAllocHint(oid, { expectedObjectSize, expectedWriteSize }),
  );
}

export const OBJECT_VERBS: readonly Verb[] = [
  {
    name: 'get',
    args: '<obj> <file>',
    description: 'object to a file; - is standard output',
    min: 2,
    run: get,
  },
  {
    name: 'put',
    args: '<obj> <file>',
    description: 'file to an object; - is standard input',
    min: 2,
    run: put,
  },
  { name: 'append', args: '<obj> <file>', description: 'add a file at the end', min: 2, run: append },
  {
    name: 'truncate',
    args: '<obj> <length>',
    description: 'cut or lengthen an object',
    min: 2,
    run: truncate,
  },
  {
    name: 'create',
    args: '<obj>',
    description: 'make an empty object',
    min: 1,
    run: async (s, [oid]) => {
      await attempt(`error creating ${s.poolName}/${oid}`, () => s.io.create(oid, { exclusive: true }));
    },
  },
  { name: 'rm', args: '<obj>...', description: 'remove objects', min: 1, run: remove },
  { name: 'cp', args: '<obj> [target]', description: 'copy an object', min: 1, max: 2, run: copy },
  { name: 'stat', args: '<obj>', description: 'size and time of an object', min: 1, run: stat(false) },
  { name: 'stat2', args: '<obj>', description: 'the same with the exact time', min: 1, run: stat(true) },
  { name: 'touch', args: '<obj> [seconds]', description: "set an object's time", min: 1, run: touch },
  { name: 'mapext', args: '<obj>', description: 'which parts of an object exist', min: 1, run: mapext },
  {
    name: 'set-alloc-hint',
    args: '<obj> <object-size> <write-size>',
    description: 'tell how large the object and its writes will be',
    min: 3,
    run: setAllocHint,
  },
];
