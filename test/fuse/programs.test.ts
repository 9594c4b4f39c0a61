import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServerOptions } from './support/memory-server.ts';
import { describeMounted, MemoryMount } from './support/mounted.ts';

const has = (program: string) => spawnSync('which', [program]).status === 0;

const kinds: [string, ServerOptions][] = [
  ['cached', { timeout: 1 }],
  ['write-back cache, late answers', { timeout: 1, writebackCache: true, late: true }],
  ['direct I/O, late answers', { directIo: true, late: true }],
];

for (const [kind, options] of kinds)
  describeMounted(`programs on a mount, ${kind}`, () => {
    let mount: MemoryMount;
    beforeAll(async () => {
      mount = await MemoryMount.start(options);
    });
    afterAll(async () => {
      expect(mount?.errors).toBe('');
      await mount?.[Symbol.asyncDispose]();
    });

    for (const engine of ['psync', 'mmap', 'libaio'])
      test.skipIf(!has('fio'))(`fio verifies what it wrote, ${engine}`, { timeout: 60_000 }, async () => {
        const job = [
          'fio --name=v --size=16m --rw=randrw --bsrange=1k-200k --blockalign=1k --iodepth=8 --serialize_overlap=1',
          `--filename=v-${engine} --ioengine=${engine} --verify=crc32c --verify_state_save=0 --output-format=terse`,
        ];
        const fields = (await mount.sh(job.join(' '))).trim().split('\n').at(-1)!.split(';');
        expect(fields[4], 'fio error').toBe('0');
      });

    test('sqlite in WAL mode, from two processes', { timeout: 60_000 }, async () => {
      const script = `
import sqlite3, sys
db = sqlite3.connect('db', timeout=30, isolation_level=None)
for n in range(100):
    db.execute('insert into t values(?, ?)', (sys.argv[1], n))
print(db.execute('pragma integrity_check').fetchone()[0])`;
      // Only one may change the mode: sqlite does not wait for that.
      await mount.python(`
import sqlite3
db = sqlite3.connect('db', isolation_level=None)
db.execute('pragma journal_mode=wal')
db.execute('create table t(who, n)')`);
      const said = await Promise.all([mount.python(script, 'a'), mount.python(script, 'b')]);
      expect(said).toEqual(['ok\n', 'ok\n']);
      const count =
        "import sqlite3; print(sqlite3.connect('db').execute('select count(*) from t').fetchone()[0])";
      expect(await mount.python(count)).toBe('200\n');
    });

    test.skipIf(!has('git'))('git: commit, clone, fsck', { timeout: 60_000 }, async () => {
      await mount.sh(`
        git init -q one && cd one && cp -r ${import.meta.dirname} files && git add . 
        git -c user.name=n -c user.email=e@x commit -q -m all
        cd .. && git clone -q one two && cd two && git fsck --strict 2>&1 && diff -r files ${import.meta.dirname}
        test -z "$(git status --short)"`);
    });

    test('tar out and back: contents, modes, times, links', { timeout: 60_000 }, async () => {
      await mount.sh(`
        mkdir tree; cd tree
        for d in a b c; do mkdir -p $d/deep; for i in $(seq 40); do echo $d$i > $d/f$i; chmod $((400 + i)) $d/f$i; done; done
        ln -s ../a/f1 b/sym; ln c/f2 c/deep/hard; mkfifo a/pipe; touch -d 2001-02-03T04:05:06.789 b/f3
        cd ..; tar cf t.tar tree; mkdir back; tar xpf t.tar -C back
        list() { (cd $1; find . ! -type d -printf '%p %m %y %l %n %Ts %s\\n' | sort); }
        diff <(list tree) <(list back/tree) && diff -r --exclude=pipe tree back/tree`);
    });
  });
