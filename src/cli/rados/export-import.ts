import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { NacreError } from '../../base/errors.ts';
import { ALL_NAMESPACES, type IoCtx, OPERATION_FULL_TRY } from '../../ceph/rados/index.ts';
import { type HObject, hobjectText } from '../../ceph/types/hobject.ts';
import { NO_SHARD } from '../../ceph/types/pg.ts';
import { SNAP_NOSNAP } from '../../ceph/types/snap.ts';
import { strerror } from '../shared/errors.ts';
import { Progress } from '../shared/progress.ts';
import * as dump from './dump.ts';
import { ToolError } from './options.ts';
import { attempt, errnoOf, print, printBytes, reason, type Session, type Verb } from './session.ts';

const DATA_SIZE = 4 << 20;
const OMAP_PAGE = 512;

function openFile(path: string, flags: string): number {
  try {
    return openSync(path, flags, 0o666);
  } catch (error) {
    throw new ToolError(`Error opening '${path}': ${strerror((error as NodeJS.ErrnoException).errno ?? 5)}`);
  }
}

type Sink = (...pieces: readonly Uint8Array[]) => Promise<void>;

function fileSink(fd: number): Sink {
  return async (...pieces) => {
    for (const piece of pieces) for (let at = 0; at < piece.length; ) at += writeSync(fd, piece, at);
  };
}

const stdoutSink: Sink = async (...pieces) => {
  for (const piece of pieces) await printBytes(piece);
};

async function exportObject(io: IoCtx, oid: string, out: Sink): Promise<void> {
  for (let offset = 0; ; ) {
    const data = await io.read(oid, { offset, length: DATA_SIZE });
    if (data.length > 0) await out(...dump.encodeSection(dump.DATA, dump.encodeData(offset, data)));
    offset += data.length;
    if (data.length < DATA_SIZE) break;
  }
  // Xattrs are named as the object store has them, where users' own begin with '_'.
  const xattrs = await attempt(`error getting xattr set ${oid}`, () => io.getXattrs(oid));
  const named = new Map(
    [...xattrs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [`_${name}`, value]),
  );
  await out(...dump.encodeSection(dump.ATTRS, dump.encodeValues(named)));
  const header = await attempt(`error getting omap header ${oid}`, () => io.omapGetHeader(oid));
  await out(...dump.encodeSection(dump.OMAP_HDR, dump.encodeOmapHeader(header)));
  for (let after = ''; ; ) {
    const page = await attempt(`error getting omap keys ${oid}`, () =>
      io.omapGetPage(oid, { after, max: OMAP_PAGE }),
    );
    if (page.values.size === 0) return;
    await out(...dump.encodeSection(dump.OMAP, dump.encodeValues(page.values)));
    after = [...page.values.keys()].at(-1)!;
    if (!page.more) return;
  }
}

async function exportPool(s: Session, [path]: readonly string[]): Promise<void> {
  const fd = path === undefined || path === '-' ? -1 : openFile(path, 'w');
  const out = fd < 0 ? stdoutSink : fileSink(fd);
  using progress = new Progress();
  let count = 0;
  try {
    await out(dump.encodeSuper(), dump.encodeMark(dump.POOL_BEGIN));
    for await (const { oid, namespace, locator } of s.io.with({ namespace: ALL_NAMESPACES }).list()) {
      await out(...dump.encodeSection(dump.OBJECT_BEGIN, dump.encodeObjectBegin(oid, namespace, locator)));
      await exportObject(s.io.with({ namespace, locator }), oid, out);
      await out(dump.encodeMark(dump.OBJECT_END));
      count++;
      progress.update(() => `exported ${count} objects`);
    }
    await out(dump.encodeMark(dump.POOL_END));
  } catch (error) {
    const lines = error instanceof ToolError ? error.message : `error from export: ${reason(error)}`;
    throw new ToolError(lines);
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

/** Reads exactly what is asked for, section by section. */
class DumpReader {
  private readonly fd: number;
  private headerLength = 0;
  private footerLength = 0;

  constructor(fd: number) {
    this.fd = fd;
  }

  private bytes(length: number): Buffer {
    // A length that a damaged file claims is believed only as far as there are bytes.
    const pieces: Buffer[] = [];
    let left = length;
    while (left > 0) {
      const piece = Buffer.allocUnsafe(Math.min(left, DATA_SIZE));
      let n = 0;
      while (n < piece.length) {
        const got = readSync(this.fd, piece, n, piece.length - n, null);
        if (got === 0) throw new NacreError('EFAULT', 'import', 'Unexpected EOF');
        n += got;
      }
      pieces.push(piece);
      left -= n;
    }
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  }

  begin(): void {
    ({ headerLength: this.headerLength, footerLength: this.footerLength } = dump.decodeSuper(
      this.bytes(dump.SUPER_LENGTH),
    ));
  }

  section(): { type: number; body: Buffer } {
    const { type, length } = dump.decodeHeader(this.bytes(this.headerLength));
    const body = this.bytes(length);
    if (length > 0) dump.checkFooter(this.bytes(this.footerLength));
    return { type, body };
  }
}

interface Import {
  readonly reader: DumpReader;
  readonly io: IoCtx;
  readonly dryRun: boolean;
  readonly noOverwrite: boolean;
}

/** Makes the object, or tells why it is left alone. */
async function makeRoom(
  io: IoCtx,
  oid: string,
  { dryRun, noOverwrite }: Import,
): Promise<{ say: string; skip: boolean }> {
  const existing = async (make: () => Promise<unknown>, code: string): Promise<boolean> => {
    try {
      await make();
      return code === 'ENOENT';
    } catch (error) {
      if (error instanceof NacreError && error.code === code) return code !== 'ENOENT';
      throw error;
    }
  };
  if (dryRun) {
    if (!(await existing(() => io.stat(oid), 'ENOENT'))) return { say: 'Write', skip: true };
    return { say: noOverwrite ? 'Skipping existing' : '***Overwrite***', skip: true };
  }
  const create = () => attemptUnless('create failed', 'EEXIST', () => io.create(oid, { exclusive: true }));
  if (!(await existing(create, 'EEXIST'))) return { say: 'Write', skip: false };
  if (noOverwrite) return { say: 'Skipping existing', skip: true };
  await attempt('remove failed', () => io.remove(oid));
  if (await existing(create, 'EEXIST')) return { say: 'Skipping in-use object', skip: true };
  return { say: '***Overwrite***', skip: false };
}

/** As `attempt`, but an error of this code is thrown as it is. */
async function attemptUnless<T>(what: string, code: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof NacreError && error.code === code) throw error;
    throw new ToolError(`${what}: ${reason(error)}`);
  }
}

/** Sets what the pool has no room for (an omap in an erasure-coded pool) aside with a line about it. */
async function attemptSupported(what: string, operation: () => Promise<unknown>): Promise<void> {
  try {
    await operation();
  } catch (error) {
    const line = `${what}: ${reason(error)}`;
    if (!(error instanceof NacreError) || (error.code !== 'ENOTSUP' && error.code !== 'EOPNOTSUPP'))
      throw new ToolError(line);
    process.stderr.write(`${line}\n`);
  }
}

async function apply(io: IoCtx, oid: string, type: number, body: Buffer): Promise<void> {
  if (type === dump.DATA) {
    const { offset, data } = dump.decodeData(body);
    await attempt('write failed', () => io.write(oid, data, { offset }));
  } else if (type === dump.ATTRS) {
    for (const [name, value] of dump.decodeValues(body))
      if (name.startsWith('_') && name !== '_')
        await attemptSupported('setxattr failed', () => io.setXattr(oid, name.slice(1), value));
  } else if (type === dump.OMAP_HDR) {
    const header = dump.decodeOmapHeader(body);
    if (header.length > 0)
      await attemptSupported('omap_set_header failed', () => io.omapSetHeader(oid, header));
  } else if (type === dump.OMAP) {
    await attemptSupported('omap_set failed', () => io.omapSet(oid, dump.decodeValues(body)));
  } else throw new ToolError(`Unexpected section type ${type}`);
}

function skipObject(reader: DumpReader): void {
  while (reader.section().type !== dump.OBJECT_END);
}

async function importObject(run: Import, hobj: HObject): Promise<void> {
  const { reader } = run;
  if (hobj.snap !== SNAP_NOSNAP) {
    print(`Skipping non-head for ${hobjectText(hobj)}\n`);
    skipObject(reader);
    return;
  }
  const { oid, nspace, key } = hobj;
  const io = run.io.with({ namespace: nspace, locator: key, flags: OPERATION_FULL_TRY });
  const { say, skip } = await makeRoom(io, oid, run);
  print(`${say} ${objectText(hobj)}\n`);
  for (;;) {
    const { type, body } = reader.section();
    if (type === dump.OBJECT_END) return;
    if (type >= dump.END_OF_TYPES) print('Skipping unknown object section type\n');
    else if (!skip) await apply(io, oid, type, body);
  }
}

/** hobject_t's operator<<: '#pool:hash:namespace:key:name:snap#'. */
function objectText({ hash, nspace, key, oid }: HObject): string {
  return `#-9223372036854775808:${hash.toString(16).padStart(8, '0')}:${nspace}:${key}:${oid}:head#`;
}

async function readDump(run: Import): Promise<void> {
  const { reader } = run;
  reader.begin();
  const first = reader.section();
  if (first.type === dump.POOL_BEGIN) print('Importing pool\n');
  else if (first.type === dump.PG_BEGIN) {
    if (dump.pgBeginShard(first.body) !== NO_SHARD)
      throw new NacreError('ENOTSUP', 'import', 'Importing Erasure Coded shard is not supported');
    print('Importing from a PG\n');
  } else throw new NacreError('EFAULT', 'import', `Invalid initial section code ${first.type}`);
  let metadata = first.type === dump.POOL_BEGIN;
  for (;;) {
    const { type, body } = reader.section();
    if (type === dump.OBJECT_BEGIN) await importObject(run, dump.decodeObjectBegin(body));
    else if (type === dump.PG_METADATA) metadata = true;
    else if (type === dump.PG_END || type === dump.POOL_END) break;
    else if (type >= dump.END_OF_TYPES) print('Skipping unknown section type\n');
    else throw new NacreError('EFAULT', 'import', `section of type ${type} outside of an object`);
  }
  if (!metadata) process.stderr.write('Missing metadata section!\n');
}

/** Without the code before it and the operation behind it. */
function plainMessage({ message, code, op }: NacreError): string {
  return message.slice(code.length + 2, -(op.length + 2));
}

async function importPool(s: Session, words: readonly string[]): Promise<void> {
  const path = words.at(-1)!;
  const flags = words.slice(0, -1);
  for (const flag of flags)
    if (flag !== '--no-overwrite' && flag !== '--dry-run') throw new ToolError(`Invalid argument '${flag}'`);
  const fd = path === '-' ? 0 : openFile(path, 'r');
  try {
    await readDump({
      reader: new DumpReader(fd),
      io: s.io,
      dryRun: flags.includes('--dry-run'),
      noOverwrite: flags.includes('--no-overwrite'),
    });
  } catch (error) {
    const lines = error instanceof ToolError ? `${error.message}\n` : '';
    const errno = error instanceof ToolError ? -5 : errnoOf(error);
    const why = error instanceof NacreError && error.op === 'import' ? `${plainMessage(error)}\n` : '';
    throw new ToolError(`${lines}${why}error from import: ${strerror(errno)}`);
  } finally {
    if (fd !== 0) closeSync(fd);
  }
}

export const DUMP_VERBS: readonly Verb[] = [
  {
    name: 'export',
    args: '[file]',
    description: 'write the pool to a file',
    min: 0,
    max: 1,
    run: exportPool,
  },
  {
    name: 'import',
    args: '[--dry-run] [--no-overwrite] <file>',
    description: 'read a pool from a file',
    min: 1,
    max: 3,
    run: importPool,
  },
];
