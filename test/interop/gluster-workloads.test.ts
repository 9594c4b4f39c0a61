import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NacreMount } from '../support/nacre-mount.ts';
import { haveRealGluster, RealGluster } from '../support/real-gluster.ts';

const run = promisify(execFile);
const VOLUME = 'wl3';
const SUPPORT = join(import.meta.dirname, '..', 'support');
const ROOT = join(import.meta.dirname, '..', '..');

/** More of everything: NACRE_WORKLOAD=10 unpacks ten times as many files, and so on. */
const SCALE = Number(process.env['NACRE_WORKLOAD'] ?? 1);

describe.skipIf(!haveRealGluster())('real programs on a mounted volume', { timeout: 180_000 * SCALE }, () => {
  let gluster: RealGluster;
  let ours: NacreMount;
  let local: string;

  beforeAll(async () => {
    local = mkdtempSync(join(tmpdir(), 'gluster-workloads-'));
    gluster = await RealGluster.start();
    await gluster.createVolume(VOLUME, { type: 'distribute', bricks: 3 });
    ours = await NacreMount.start(`${gluster.bind}:/${VOLUME}`);
    makeTree(join(local, 'tree'), 1500 * SCALE);
  }, 120_000);

  afterAll(async () => {
    if (ours !== undefined) expect(await ours.umount()).toBe(0);
    await ours?.[Symbol.asyncDispose]();
    await gluster?.[Symbol.asyncDispose]();
    if (local !== undefined) rmSync(local, { recursive: true, force: true });
  }, 60_000);

  /** Runs a script on the mount, with $L the local directory. Everything it says is in the error if it fails. */
  async function shell(script: string): Promise<string> {
    const env = { ...process.env, L: local, SUPPORT, LC_ALL: 'C', GIT_CONFIG_GLOBAL: '/dev/null' };
    const options = { cwd: ours.dir, env, timeout: 170_000 * SCALE, maxBuffer: 1 << 26 };
    return (await run('bash', ['--norc', '-euo', 'pipefail', '-c', script], options)).stdout.trim();
  }

  it('random reads, writes, truncations, mappings and holes agree with a model', async () => {
    const seeds = Array.from({ length: 4 * SCALE }, (_, i) => i + 1);
    for (let i = 0; i < seeds.length; i += 2)
      await Promise.all(
        seeds
          .slice(i, i + 2)
          .map(seed =>
            shell(
              `python3 $SUPPORT/posix-fsx.py fsx-${seed} --seed ${seed} --ops 600 --max ${seed % 2 === 0 ? 3_000_000 : 600_000}`,
            ),
          ),
      );
  });

  it('so they do with several processes on one file', async () => {
    await shell('truncate -s 1000000 shared');
    const one = (index: number) =>
      shell(
        `python3 $SUPPORT/posix-fsx.py shared --seed 3 --ops ${400 * SCALE} --max 1000000 --shared ${index} --of 3`,
      );
    await Promise.all([one(0), one(1), one(2)]);
  });

  it('so they do with a process on the real mount and one on ours', async () => {
    const real = await gluster.mount(VOLUME);
    await shell('truncate -s 1000000 two-mounts');
    const one = (dir: string, index: number) =>
      shell(
        `python3 $SUPPORT/posix-fsx.py ${dir}/two-mounts --seed 4 --ops ${300 * SCALE} --max 1000000 --shared ${index} --of 2`,
      );
    await Promise.all([one(real, 0), one(ours.dir, 1)]);
    await gluster.umount(real);
  });

  it('fio verifies what it wrote: through the page cache, around it and mapped', async () => {
    const common = `--rw=randwrite --verify=crc32c --do_verify=1 --verify_fatal=1 --output=/dev/null`;
    await shell(
      `fio --name=a --filename=fio-a --size=${24 * SCALE}M --bs=4k-128k --ioengine=psync ${common}`,
    );
    await shell(
      `fio --name=b --filename=fio-b --size=${24 * SCALE}M --bs=4k-64k --ioengine=libaio --iodepth=16 --direct=1 ${common}`,
    );
    await shell(`fio --name=c --filename=fio-c --size=${8 * SCALE}M --bs=4k --ioengine=mmap ${common}`);
    await shell(
      `fio --name=d --directory=. --nrfiles=20 --size=${8 * SCALE}M --bs=1k-32k --fsync=16 --ioengine=psync ${common}`,
    );
  });

  it('tar there and back', async () => {
    await shell(`
      mkdir unpacked; tar -C $L/tree --format=posix -cf - . | tar -C unpacked -xf -
      mkdir $L/back; tar -C unpacked -cf - . | tar -C $L/back -xf -
      diff -r --no-dereference $L/tree $L/back
      test "$(cd $L/tree; find . -printf '%p %m %l %T@\\n' | sort | md5sum)" = "$(cd unpacked; find . -printf '%p %m %l %T@\\n' | sort | md5sum)"`);
  });

  it('rsync there and back, and has nothing to do the second time', async () => {
    const again = await shell(`
      rsync -a $L/tree/ synced/
      rsync -a --checksum --itemize-changes $L/tree/ synced/
      rsync -a --delete synced/ $L/rsync-back/
      diff -r --no-dereference $L/tree $L/rsync-back >&2`);
    expect(again).toBe('');
  });

  it('cp -a, find, du and rm -rf', async () => {
    const said = await shell(`
      mkdir small; tar -C $L/tree -cf - d0 d1 d2 | tar -C small -xf -
      cp -a small copied
      diff -r --no-dereference small copied >&2
      test "$(find small -type f | wc -l)" = "$(find copied -type f | wc -l)"
      test "$(du -s --apparent-size small | cut -f1)" = "$(du -s --apparent-size copied | cut -f1)"
      rm -rf small copied synced; ls -d small copied synced 2>&1 || true`);
    expect(said.match(/No such file or directory/g)).toHaveLength(3);
    for (let i = 0; i < 3; i++)
      expect((await fs.readdir(gluster.brickPath(VOLUME, i))).includes('synced')).toBe(false);
  });

  it('git makes a repository, commits, clones, checks and packs it; a program is built in the clone', async () => {
    const said = await shell(`
      git init -q -b main origin; cd origin
      cp -r ${ROOT}/src .; git add src; git -c user.name=a -c user.email=a@b commit -q -m one
      for i in 1 2 3; do echo "// $i" >> src/cli/main.ts; git -c user.name=a -c user.email=a@b commit -q -a -m "$i"; done
      cd ..; git clone -q --no-local origin clone; cd clone
      git fsck --full --strict >&2; git gc -q; git checkout -q HEAD~2; git checkout -q main; git status --porcelain
      ${ROOT}/node_modules/.bin/esbuild src/cli/main.ts --bundle --splitting --packages=external --platform=node --format=esm \\
        --outdir=out --log-level=error
      cp ${ROOT}/package.json .; ln -s ${ROOT}/node_modules node_modules
      ${process.execPath} out/main.js --version`);
    expect(said).toMatch(/^\d+\.\d+/);
  });

  it('sqlite in WAL mode, written to by two processes', async () => {
    const rows = 100 * SCALE;
    expect(await shell(`python3 $SUPPORT/sqlite-two-writers.py db ${rows}`)).toBe(`${2 * rows} ok`);
  });

  it('sqlite with a rollback journal: what a transaction that was killed left is rolled back', async () => {
    const said = await shell(`
      python3 - <<'PY'
import os, signal, sqlite3
db = sqlite3.connect('journal.db'); db.execute('create table t(n int, data blob)'); db.commit()
db.executemany('insert into t values(?, ?)', [(n, os.urandom(3000)) for n in range(200)]); db.commit()
pid = os.fork()
if pid == 0:
    d = sqlite3.connect('journal.db', isolation_level=None); d.execute('pragma cache_size = 5')
    d.execute('begin'); d.execute("update t set data = zeroblob(3000)")
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(pid, 0)
d = sqlite3.connect('journal.db')
print(os.path.exists('journal.db-journal'), d.execute('select count(*) from t where data = zeroblob(3000)').fetchone()[0], d.execute('pragma integrity_check').fetchone()[0])
PY`);
    expect(said).toBe('True 0 ok');
  });

  it('a large directory is read whole while names are made and removed in it', async () => {
    const count = 3000 * SCALE;
    const said = await shell(`
      mkdir large; python3 - <<'PY'
import os, threading
count = ${count}
for n in range(count // 2): open(f'large/stays-{n}', 'w').close()
stop = False
def churn():
    n = 0
    while not stop:
        open(f'large/goes-{n}', 'w').close(); os.unlink(f'large/goes-{n}'); n += 1
def grow():
    for n in range(count // 2, count): open(f'large/stays-{n}', 'w').close()
others = [threading.Thread(target=churn), threading.Thread(target=grow)]
for t in others: t.start()
for turn in range(5):
    names = os.listdir('large')
    assert len(names) == len(set(names)), 'a name twice'
    missing = {f'stays-{n}' for n in range(count // 2)} - set(names)
    assert not missing, f'{len(missing)} are missing'
others[1].join(); stop = True; others[0].join()
print(len(os.listdir('large')))
PY`);
    expect(said).toBe(String(count));
  });
});

/** A tree of small files, of links and of directories: the same each time. */
function makeTree(dir: string, count: number): void {
  let state = 12345;
  const next = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let i = 0; i < count; i++) {
    const at = join(dir, `d${i % 20}`, `e${next(6)}`);
    mkdirSync(at, { recursive: true });
    writeFileSync(
      join(at, `file ${i}`),
      Buffer.alloc(next(10) === 0 ? next(300_000) : next(4000), `${i}\n`),
      {
        mode: next(3) === 0 ? 0o600 : 0o755,
      },
    );
  }
  writeFileSync(join(dir, 'empty'), '');
}
