import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goldenPath } from '../support/golden.ts';
import { describeMounted, MemoryMount, temporaryDirectory } from './support/mounted.ts';

/** The requests that a shell command causes, as recorded on a real GlusterFS mount (--dump-fuse). */
interface Recorded {
  command: string;
  requests: string[];
}

const path = goldenPath('peers/golden/gluster/fuse/ops.txt');
const SOURCE = '/srv/gluster-x';

/** Without what is the shell's, what comes at any time, and numbers that are the mount's own. */
function normalize(lines: string[]): string[] {
  return lines
    .filter(line => line.startsWith('> '))
    .map(line => line.replace(/^> +(\d+ )?/, '')) // what is forgotten one by one in a batch has no number
    .filter(line => !/^(FORGET|BATCH_FORGET|INTERRUPT|GETATTR|STATFS|ACCESS|\?)/.test(line))
    .map(line => line.replace(/(node|newdir)=[0-9a-f]+ ?/g, '').trim())
    .map(line => line.replace(/^(READDIRPLUS|READDIR|LISTXATTR) .*/, '$1'))
    .map(line => line.replace(/ (f?flags|umask)=[0-9]+/g, '').replace(/open_flags=\d+/, ''));
}

function recorded(text: string): Recorded[] {
  const found: Recorded[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('### $ ')) found.push({ command: line.slice(6), requests: [] });
    else found.at(-1)?.requests.push(line.replace(/^[0-9.]+ /, ''));
  }
  return found.map(({ command, requests }) => ({ command, requests: normalize(requests) }));
}

// Not `mv`: that mount does not know RENAME2, which makes it look twice.
const wanted = [
  'touch new',
  'echo hi > new',
  'echo more >> new',
  'cat new',
  'mkdir d',
  `cp ${SOURCE}/in1m d/cp1m`,
  `dd if=${SOURCE}/in3m of=dd1M bs=1M count=3`,
  `dd if=${SOURCE}/in3m of=ddsync bs=4k count=2 conv=fsync`,
  'ln -s d/moved sl',
  'readlink sl',
  'truncate -s 10 hl',
  'chmod 600 hl',
  'setfattr -n user.a -v b hl',
  'setfattr -x user.a hl',
  'fallocate -l 10000 fa',
  'fallocate -p -o 0 -l 4096 fa',
  'mkfifo ff',
  'flock hl true',
  'rm hl',
];

describeMounted('requests in the order in which a real mount got them', () => {
  let mount: MemoryMount;
  const source = temporaryDirectory();

  beforeAll(async () => {
    writeFileSync(join(source, 'in1m'), randomBytes(1 << 20));
    writeFileSync(join(source, 'in3m'), randomBytes(3 << 20));
    // What that mount negotiated (golden init.txt); nothing expires while a command runs.
    mount = await MemoryMount.start({
      dump: true,
      timeout: 3600,
      maxWrite: 131072,
      atomicTrunc: false,
      autoInvalData: false,
      dontMask: true,
      parallelDirops: false,
      readdirplusAuto: false,
      ioctlDir: false,
      defaultPermissions: false,
    });
    await mount.sh('echo linked > moved; ln moved hl');
  });

  afterAll(async () => {
    await mount?.[Symbol.asyncDispose]();
    rmSync(source, { recursive: true });
  });

  const golden = path === undefined ? [] : recorded(readFileSync(path, 'utf8'));
  for (const command of wanted) {
    test.skipIf(path === undefined)(command, async () => {
      const record = golden.find(r => r.command === command);
      expect(record).toBeDefined();
      // The recording waited until names and attributes had expired.
      await mount.sh('echo 2 > /proc/sys/vm/drop_caches');
      mount.lines.length = 0;
      await mount.sh(`${command.replaceAll(SOURCE, source)} 2>/dev/null`);
      await expect
        .poll(() => normalize(mount.lines), { timeout: 5000 })
        .toEqual(record?.requests.map(line => line.replaceAll(SOURCE, source)));
    });
  }
});
