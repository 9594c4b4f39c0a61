import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeMounted, MemoryMount } from './support/mounted.ts';

const FOR_EVER = 1e9;

describeMounted('news for the kernel, and what waits', () => {
  let mount: MemoryMount;
  beforeAll(async () => {
    mount = await MemoryMount.start({ timeout: FOR_EVER, autoInvalData: false });
  });
  afterAll(async () => {
    expect(mount?.errors).toBe('');
    await mount?.[Symbol.asyncDispose]();
  });

  /** Lines of a child that keeps a file open and reads it again whenever it is told to. */
  async function reader(name: string): Promise<{ read(): Promise<string>; end(): void }> {
    const script = `
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
for line in sys.stdin:
    os.write(1, f'{os.pread(fd, 1000, 0).decode()} {os.fstat(fd).st_size}\\n'.encode())`;
    const child = spawn('python3', ['-c', script, name], {
      cwd: mount.dir,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    return {
      read: () =>
        new Promise(resolve => {
          child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
          child.stdin.write('\n');
        }),
      end: () => child.stdin.end(),
    };
  }

  test('invalInode: data and attributes are asked for again', async () => {
    await mount.sh('printf old > f');
    const r = await reader('f');
    expect(await r.read()).toBe('old 3');
    const node = await mount.call('overwrite', 'f', 'newer');
    expect(await r.read()).toBe('old 3');
    await mount.call('invalInode', node);
    expect(await r.read()).toBe('newer 5');
    await mount.call('overwrite', 'f', 'other');
    // Attributes alone: the page is believed as long as the size is the same.
    await mount.call('invalInode', node, -1);
    expect(await r.read()).toBe('newer 5');
    await mount.call('overwrite', 'f', 'longer');
    await mount.call('invalInode', node, -1);
    expect(await r.read()).toBe('longer 6');
    r.end();
  });

  test('store: pages are filled without being asked for', async () => {
    await mount.sh('printf 12345 > s');
    const r = await reader('s');
    expect(await r.read()).toBe('12345 5');
    const node = Number((await mount.sh('stat -c %i s')).trim());
    await mount.call('store', node, 1, 'xyz');
    expect(await r.read()).toBe('1xyz5 5');
    r.end();
  });

  test('invalEntry, with and without expireOnly, and delete: names go', async () => {
    for (const how of ['invalEntry', 'expireOnly', 'delete']) {
      await mount.sh('echo x > gone');
      const node = Number((await mount.sh('stat -c %i gone')).trim());
      await mount.call('drop', 'gone');
      expect(await mount.sh('stat -c %i gone'), 'still believed').toBe(`${node}\n`);
      if (how === 'delete') await mount.call('delete', 1, node, 'gone');
      else await mount.call('invalEntry', 1, 'gone', how === 'expireOnly');
      await expect(mount.sh('stat gone'), how).rejects.toThrow(/No such file/);
    }
  });

  test('what the kernel does not know is no error', async () => {
    await mount.call('invalInode', 123456);
    await mount.call('invalEntry', 1, 'nothing');
    await mount.call('delete', 1, 123456, 'nothing');
  });

  test('invalidation of a directory while many work in it does not block', async () => {
    const work = mount.sh(
      'mkdir busy; cd busy; for i in $(seq 300); do echo > f$i; mv f$i g$i; rm g$i; done',
    );
    let done = false;
    work.finally(() => {
      done = true;
    });
    let sent = 0;
    while (!done) {
      await mount.call('invalEntry', 1, 'busy');
      await mount.call('invalInode', 1);
      sent++;
    }
    await work;
    expect(sent).toBeGreaterThan(1);
  });

  test('poll waits until the file system says that something happened', async () => {
    const output = await mount.python(`
import os, select, threading, time
fd = os.open('.poll-me', os.O_CREAT | os.O_RDWR)
p = select.poll()
p.register(fd, select.POLLIN)
print(p.poll(100))
threading.Timer(0.3, lambda: os.write(fd, b'news')).start()
print([event for _, event in p.poll(20000)])
print(os.read(fd, 10))
e = select.epoll()
e.register(fd, select.EPOLLIN)
print(len(e.poll(5)))
`);
    expect(output).toBe("[]\n[1]\nb'news'\n1\n");
  });

  test('ioctl with data both ways', async () => {
    const output = await mount.python(`
import fcntl, os, struct
fd = os.open('i', os.O_CREAT | os.O_RDWR)
os.write(fd, b'x' * 1234)
print(struct.unpack('Q', fcntl.ioctl(fd, 0x80084e01, bytes(8)))[0])
print(struct.unpack('I', fcntl.ioctl(fd, 0xc0044e02, struct.pack('I', 41)))[0])
try:
    fcntl.ioctl(fd, 0x80084eff, bytes(8))
except OSError as e:
    print(e.errno)
`);
    expect(output).toBe('1234\n42\n25\n');
  });

  test('inodes that the kernel drops are forgotten, many at a time', async () => {
    await mount.sh('mkdir many; cd many; for i in $(seq 1000); do : > f$i; done; ls -l > /dev/null');
    const before = ((await mount.call('counts')) as number[])[42];
    await mount.sh('rm -r many; sync; echo 2 > /proc/sys/vm/drop_caches');
    await expect.poll(() => mount.call('nodes'), { timeout: 20_000 }).toBeLessThan(30);
    expect(((await mount.call('counts')) as number[])[42]).toBeGreaterThanOrEqual(before);
  });
});
