import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

const root = join(import.meta.dirname, '..', '..');

/**
 * Bundles the `nacre` command of the sources as they are, for this process: a program of its own starts several times
 * faster than through a loader, and gets signals itself.
 */
function bundle(): string {
  const dir = join(root, 'node_modules', '.cache', `nacre-${process.pid}`);
  mkdirSync(dir, { recursive: true });
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  buildSync({
    entryPoints: [join(root, 'src', 'cli', 'main.ts')],
    outdir: dir,
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  });
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  return join(dir, 'main.js');
}

/** Arguments of node that make it `nacre`. */
export const NACRE: readonly string[] = [bundle()];
