// Makes dist/: declarations by the compiler, code by the bundler, which joins the several hundred modules
// into a few chunks, because loading them one by one doubles the time and the CPU that a command needs to
// start. The old dist/ stays in use until the new one is whole.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const root = dirname(import.meta.dirname);
const dist = join(root, 'dist');
const fresh = join(root, `dist.${process.pid}`);
const { exports: exported, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The source of what package.json names below dist/. */
const sourceOf = target => join(root, target.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts'));
const targets = [...Object.values(exported).map(entry => entry.default), ...Object.values(bin)];

function fail(status) {
  rmSync(fresh, { recursive: true, force: true });
  process.exit(status);
}

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', fresh], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) fail(status ?? 1);

await build({
  entryPoints: targets.filter(target => target !== undefined).map(sourceOf),
  outdir: fresh,
  outbase: join(root, 'src'),
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: true,
  logLevel: 'warning',
}).catch(() => fail(1));

const commands = Object.values(bin).map(target => join(fresh, target.replace(/^\.\/dist\//, '')));
for (const command of commands) if (existsSync(command)) chmodSync(command, 0o755);
rmSync(dist, { recursive: true, force: true });
renameSync(fresh, dist);
