import { createReadStream, createWriteStream } from 'node:fs';
import * as fs from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { formatBytes } from '../../base/units.ts';
import type { Volume } from '../../gluster/volume/volume.ts';
import type { VolumeFs } from '../../gluster/volume/volume-fs.ts';
import { CliError } from '../shared/errors.ts';
import { Progress } from '../shared/progress.ts';
import { openVolume, type VolumeFlags, volumePath } from './open.ts';

export interface CopyFlags extends VolumeFlags {
  readonly recursive?: boolean;
  readonly preserve?: boolean;
  readonly parallel?: number;
  readonly quiet?: boolean;
}

/** What copying needs of files, of this machine or of a volume. */
interface Files {
  lstat(path: string): Promise<Attributes>;
  stat(path: string): Promise<Attributes>;
  readdir(path: string): Promise<string[]>;
  mkdir(path: string, options: { recursive: boolean; mode: number }): Promise<unknown>;
  readlink(path: string): Promise<string>;
  symlink(target: string, path: string): Promise<void>;
  rm(path: string, options: { force: boolean }): Promise<void>;
  utimes(path: string, atime: number, mtime: number): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
}
interface Attributes {
  readonly mode: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isFile(): boolean;
}

/** Files of this machine, or of a volume. */
interface Side {
  readonly volume: VolumeFs | undefined;
  readonly path: string;
}

const filesOf = (side: Side): Files => side.volume ?? fs;

const CHUNK = 1 << 20;

/** `cp`: between this machine and a volume, or between two volumes; either way, '-' is standard input or output. */
export async function copy(paths: readonly string[], flags: CopyFlags): Promise<void> {
  if (paths.length < 2) throw new CliError('cp: a source and a destination are wanted', 2);
  const opened = new Map<string, Volume>();
  const side = async (text: string): Promise<Side> => {
    const spec = text === '-' ? undefined : volumePath(text, flags);
    if (spec === undefined) return { volume: undefined, path: text };
    const key = `${JSON.stringify(spec.servers)}/${spec.volume}`;
    let volume = opened.get(key);
    if (volume === undefined) opened.set(key, (volume = await openVolume(spec, flags)));
    return { volume, path: spec.path };
  };
  try {
    const sources: Side[] = [];
    for (const path of paths.slice(0, -1)) sources.push(await side(path));
    await new Copying(flags).run(sources, await side(paths.at(-1)!));
  } finally {
    for (const volume of opened.values()) await volume.close();
  }
}

class Copying {
  private readonly flags: CopyFlags;
  private readonly progress = new Progress();
  private readonly begin = performance.now();
  private files = 0;
  private bytes = 0;
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(flags: CopyFlags) {
    this.flags = flags;
  }

  async run(sources: readonly Side[], to: Side): Promise<void> {
    const into = to.path !== '-' && (await this.isDirectory(to));
    if (sources.length > 1 && !into && to.path !== '-')
      throw new CliError(`cp: '${to.path}' is no directory`, 1);
    try {
      for (const from of sources)
        await this.any(from, into ? { ...to, path: join(to.path, basename(from.path) || '.') } : to);
    } finally {
      this.progress.done();
    }
    if (this.flags.quiet !== true && this.progress.active) process.stderr.write(`${this.summary()}\n`);
  }

  private async any(from: Side, to: Side): Promise<void> {
    if (from.path === '-') return this.file(from, to, undefined);
    const stats = await filesOf(from).lstat(from.path);
    if (stats.isDirectory()) {
      if (this.flags.recursive !== true)
        throw new CliError(`cp: -r not given; leaving out directory '${from.path}'`);
      await this.directory(from, to, stats.mode & 0o7777);
    } else if (stats.isSymbolicLink()) await this.link(from, to);
    else if (stats.isFile()) await this.file(from, to, stats.mode & 0o7777);
    else throw new CliError(`cp: '${from.path}' is neither file, directory nor link`);
    if (this.flags.preserve === true && !stats.isSymbolicLink() && to.path !== '-') {
      const side = filesOf(to);
      await side.utimes(to.path, stats.atimeMs / 1000, stats.mtimeMs / 1000);
      await side.chmod(to.path, stats.mode & 0o7777);
    }
  }

  private async directory(from: Side, to: Side, mode: number): Promise<void> {
    await filesOf(to).mkdir(to.path, { recursive: true, mode: mode | 0o700 });
    const names = await filesOf(from).readdir(from.path);
    const work: Promise<void>[] = [];
    for (const name of names) {
      await this.turn();
      const copied = this.any(
        { volume: from.volume, path: join(from.path, name) },
        { volume: to.volume, path: join(to.path, name) },
      ).finally(() => {
        this.running--;
        this.waiting.shift()?.();
      });
      copied.catch(() => {}); // told below
      work.push(copied);
    }
    // A directory waits for what is in it, and gives its own turn up meanwhile.
    this.running--;
    this.waiting.shift()?.();
    try {
      await Promise.all(work);
    } finally {
      this.running++;
    }
  }

  private async turn(): Promise<void> {
    while (this.running >= (this.flags.parallel ?? 8))
      await new Promise<void>(resolve => this.waiting.push(resolve));
    this.running++;
  }

  private async link(from: Side, to: Side): Promise<void> {
    const target = await filesOf(from).readlink(from.path);
    await filesOf(to).rm(to.path, { force: true });
    await filesOf(to).symlink(target, to.path);
    this.files++;
  }

  private async file(from: Side, to: Side, mode: number | undefined): Promise<void> {
    const source: Readable =
      from.path === '-'
        ? process.stdin
        : from.volume === undefined
          ? createReadStream(from.path, { highWaterMark: CHUNK })
          : from.volume.createReadStream(from.path, { highWaterMark: CHUNK });
    source.on('data', (piece: Buffer | string) => {
      this.bytes += piece.length;
      if (this.flags.quiet !== true) this.progress.update(() => `${this.summary()}  ${from.path}`);
    });
    const options = { mode, highWaterMark: CHUNK };
    const target: NodeJS.WritableStream =
      to.path === '-'
        ? process.stdout
        : to.volume === undefined
          ? createWriteStream(to.path, options)
          : to.volume.createWriteStream(to.path, options);
    await pipeline(source, target, { end: to.path !== '-' });
    this.files++;
  }

  private async isDirectory(side: Side): Promise<boolean> {
    try {
      return (await filesOf(side).stat(side.path)).isDirectory();
    } catch {
      return false;
    }
  }

  private summary(): string {
    const seconds = (performance.now() - this.begin) / 1000;
    return `${this.files} files, ${formatBytes(this.bytes)}, ${formatBytes(this.bytes / Math.max(seconds, 0.001))}/s`;
  }
}
