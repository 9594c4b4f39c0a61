import type { Stats } from '../../gluster/volume/stats.ts';
import type { VolumeFs } from '../../gluster/volume/volume-fs.ts';
import { TextTable } from '../shared/table.ts';
import { out } from '../shared/tty.ts';

export interface ListFlags {
  readonly long?: boolean;
  readonly all?: boolean;
  readonly recursive?: boolean;
  readonly human?: boolean;
  readonly json?: boolean;
}

interface Row {
  readonly name: string;
  readonly stats: Stats;
  readonly target?: string;
}

/** `ls`: names, or with -l what ls -l tells. */
export async function list(volume: VolumeFs, path: string, flags: ListFlags): Promise<void> {
  const stats = await volume.lstat(path);
  if (!stats.isDirectory()) {
    print([await row(volume, path, path, stats)], flags);
    return;
  }
  const pending = [path];
  for (let first = true; pending.length > 0; first = false) {
    const dir = pending.shift()!;
    const rows: Row[] = [];
    for (const entry of await volume.readdir(dir, { withFileTypes: true })) {
      if (flags.all !== true && entry.name.startsWith('.')) continue;
      const full = `${dir.replace(/\/$/, '')}/${entry.name}`;
      rows.push(await row(volume, full, entry.name, entry.stats));
      if (flags.recursive === true && entry.isDirectory()) pending.push(full);
    }
    rows.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (flags.recursive === true && flags.json !== true)
      process.stdout.write(`${first ? '' : '\n'}${dir}:\n`);
    print(rows, flags);
  }
}

async function row(volume: VolumeFs, path: string, name: string, known?: Stats): Promise<Row> {
  const stats = known ?? (await volume.lstat(path));
  return { name, stats, target: stats.isSymbolicLink() ? await volume.readlink(path) : undefined };
}

function print(rows: readonly Row[], flags: ListFlags): void {
  if (flags.json === true) {
    for (const { name, stats, target } of rows)
      process.stdout.write(
        `${JSON.stringify({ name, mode: stats.mode, size: stats.size, uid: stats.uid, gid: stats.gid, nlink: stats.nlink, ino: stats.ino, mtime: stats.mtime.toISOString(), target })}\n`,
      );
    return;
  }
  if (flags.long !== true) {
    for (const each of rows) process.stdout.write(`${colored(each)}\n`);
    return;
  }
  const table = new TextTable({ separator: ' ' });
  for (const align of ['left', 'right', 'right', 'right', 'right', 'left', 'left'] as const)
    table.column('', align);
  for (const each of rows) {
    const { stats } = each;
    table.row(
      permissions(stats),
      String(stats.nlink),
      String(stats.uid),
      String(stats.gid),
      flags.human === true ? humanSize(stats.size) : String(stats.size),
      stats.mtime.toISOString().slice(0, 16).replace('T', ' '),
      colored(each) + (each.target === undefined ? '' : ` -> ${each.target}`),
    );
  }
  // Without the line of headings, of which there are none, and without what fills the last column up.
  process.stdout.write(table.toString().replace(/^.*\n/, '').replace(/ +$/gm, ''));
}

function colored({ name, stats }: Row): string {
  if (stats.isDirectory()) return out.blue(name);
  if (stats.isSymbolicLink()) return out.cyan(name);
  return stats.isFile() && (stats.mode & 0o111) !== 0 ? out.green(name) : name;
}

/** 'drwxr-xr-x'. */
export function permissions(stats: Stats): string {
  const kind = stats.isDirectory()
    ? 'd'
    : stats.isSymbolicLink()
      ? 'l'
      : stats.isBlockDevice()
        ? 'b'
        : stats.isCharacterDevice()
          ? 'c'
          : stats.isFIFO()
            ? 'p'
            : stats.isSocket()
              ? 's'
              : '-';
  const bits = [...'rwxrwxrwx'].map((letter, i) => ((stats.mode >> (8 - i)) & 1 ? letter : '-'));
  const special = (at: number, bit: number, on: string) => {
    if ((stats.mode & bit) !== 0) bits[at] = bits[at] === 'x' ? on : on.toUpperCase();
  };
  special(2, 0o4000, 's');
  special(5, 0o2000, 's');
  special(8, 0o1000, 't');
  return kind + bits.join('');
}

/** As ls -h: '1.5K'. */
export function humanSize(bytes: number): string {
  if (bytes < 1024) return String(bytes);
  let n = bytes;
  let unit = -1;
  while (n >= 1024 && unit < 5) {
    n /= 1024;
    unit++;
  }
  return (n < 10 ? Math.ceil(n * 10) / 10 : Math.ceil(n)).toString() + 'KMGTPE'[unit];
}

/** `tree`: a directory and all below it, drawn. */
export async function tree(
  volume: VolumeFs,
  path: string,
  flags: { all?: boolean; level?: number },
): Promise<void> {
  let directories = 0;
  let files = 0;
  const visit = async (dir: string, before: string, depth: number): Promise<void> => {
    const entries = (await volume.readdir(dir, { withFileTypes: true }))
      .filter(({ name }) => flags.all === true || !name.startsWith('.'))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const [i, entry] of entries.entries()) {
      const last = i === entries.length - 1;
      const name = entry.isDirectory() ? out.blue(entry.name) : entry.name;
      process.stdout.write(`${before}${last ? '└── ' : '├── '}${name}\n`);
      if (!entry.isDirectory()) {
        files++;
        continue;
      }
      directories++;
      if (flags.level === undefined || depth < flags.level)
        await visit(`${dir.replace(/\/$/, '')}/${entry.name}`, before + (last ? '    ' : '│   '), depth + 1);
    }
  };
  process.stdout.write(`${out.blue(path)}\n`);
  await visit(path, '', 1);
  process.stdout.write(
    `\n${directories} ${directories === 1 ? 'directory' : 'directories'}, ${files} ${files === 1 ? 'file' : 'files'}\n`,
  );
}

/** `du`: what directories take up, in KiB, as du counts. */
export async function diskUsage(
  volume: VolumeFs,
  path: string,
  flags: { summarize?: boolean; human?: boolean; bytes?: boolean },
): Promise<void> {
  const seen = new Set<number>();
  const show = (bytes: number, name: string) =>
    process.stdout.write(
      `${flags.human === true ? humanSize(bytes) : flags.bytes === true ? bytes : Math.ceil(bytes / 1024)}\t${name}\n`,
    );
  const own = (stats: Stats) => (flags.bytes === true ? stats.size : stats.blocks * 512);
  const visit = async (dir: string, stats: Stats): Promise<number> => {
    let sum = own(stats);
    for (const entry of await volume.readdir(dir, { withFileTypes: true })) {
      const full = `${dir.replace(/\/$/, '')}/${entry.name}`;
      const below = entry.stats ?? (await volume.lstat(full));
      if (entry.isDirectory()) sum += await visit(full, below);
      else if (below.nlink < 2 || !seen.has(below.ino)) {
        seen.add(below.ino);
        sum += own(below);
      }
    }
    if (flags.summarize !== true) show(sum, dir);
    return sum;
  };
  const stats = await volume.lstat(path);
  const sum = stats.isDirectory() ? await visit(path, stats) : own(stats);
  if (flags.summarize === true || !stats.isDirectory()) show(sum, path);
}
