import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where material captured from real clusters lies, if this machine has it: $NACRE_GOLDEN or ../shared beside the project. */
const root = process.env['NACRE_GOLDEN'] ?? join(import.meta.dirname, '..', '..', '..', 'shared');

/** The full path of a golden file or folder; undefined when it is not on this machine. */
export function goldenPath(name: string): string | undefined {
  const path = join(root, name);
  return existsSync(path) ? path : undefined;
}

/** The unpacked corpus of encoded objects (VERSION/objects/TYPE/MD5); undefined when it is not on this machine. */
export function corpusDir(): string | undefined {
  const archive = goldenPath('corpus/ceph-objects.tar.xz');
  if (archive === undefined) return undefined;
  const dir = join(tmpdir(), 'nacre-corpus');
  if (!existsSync(join(dir, '.complete'))) {
    // Unpacked aside and renamed: several test processes may find it missing at once.
    const aside = mkdtempSync(join(tmpdir(), 'nacre-corpus-'));
    execFileSync('tar', ['xJf', archive, '-C', aside]);
    mkdirSync(join(aside, '.complete'));
    try {
      renameSync(aside, dir);
    } catch {
      rmSync(aside, { recursive: true, force: true });
    }
  }
  return dir;
}

export interface CorpusSample {
  /** Version folder, such as '16.2.0-90-g50f1821b4c'. */
  readonly version: string;
  readonly path: string;
}

/** Every archived encoding of a type, all versions, those marked as not readable by older releases included. */
export function corpusSamples(type: string): CorpusSample[] {
  const dir = corpusDir();
  if (dir === undefined) return [];
  const found: CorpusSample[] = [];
  for (const version of readdirSync(dir)) {
    const folder = join(dir, version, 'objects', type);
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder)) found.push({ version, path: join(folder, name) });
  }
  return found;
}
