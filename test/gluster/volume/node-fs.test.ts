import git from 'isomorphic-git';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeFs } from '../../../src/gluster/volume/node-fs.ts';
import { Volume } from '../../../src/gluster/volume/volume.ts';
import { dropStore, MemoryBrick } from '../../support/mem-brick.ts';

describe('a volume as the fs of other libraries', () => {
  let volume: Volume;

  beforeAll(async () => {
    volume = await Volume.open('vg0', {
      volfile: 'volume brick\n  type storage/memory\n  option directory /fs-test\nend-volume\n',
      xlators: { 'storage/memory': MemoryBrick },
      uid: 0,
      gid: 0,
    });
  });

  afterAll(async () => {
    await volume?.close();
    dropStore('/fs-test');
  });

  const author = { name: 'A', email: 'a@example.org' };

  it.each([
    ['promises', () => ({ promises: volume })],
    [
      'callbacks',
      () => {
        const { promises: _, ...callbacks } = nodeFs(volume);
        return callbacks;
      },
    ],
  ])('isomorphic-git keeps a repository in it: %s', async (name, make) => {
    // biome-ignore lint/suspicious/noExplicitAny: the library's own type wants all of node:fs.
    const fs = make() as any;
    const dir = `/repo-${name}`;
    await volume.mkdir(`${dir}/src`, { recursive: true });
    await git.init({ fs, dir, defaultBranch: 'main' });
    await volume.writeFile(`${dir}/README`, 'one');
    await volume.writeFile(`${dir}/src/ä.txt`, 'two');
    await git.add({ fs, dir, filepath: ['README', 'src/ä.txt'] });
    const first = await git.commit({ fs, dir, message: 'first', author });
    await git.branch({ fs, dir, ref: 'side', checkout: true });
    await volume.writeFile(`${dir}/README`, 'changed on the side');
    expect(await git.status({ fs, dir, filepath: 'README' })).toBe('*modified');
    await git.add({ fs, dir, filepath: 'README' });
    await git.commit({ fs, dir, message: 'second', author });
    await git.checkout({ fs, dir, ref: 'main' });
    expect(await volume.readFile(`${dir}/README`, 'utf8')).toBe('one');
    await git.checkout({ fs, dir, ref: 'side' });
    expect(await volume.readFile(`${dir}/README`, 'utf8')).toBe('changed on the side');
    const log = await git.log({ fs, dir });
    expect(log.map(({ commit }) => commit.message.trim())).toEqual(['second', 'first']);
    expect(log[1].oid).toBe(first);
    expect((await git.listFiles({ fs, dir })).sort()).toEqual(['README', 'src/ä.txt']);
  });

  it('numbers its descriptors', async () => {
    const fs = nodeFs(volume);
    const call = (name: string, ...args: unknown[]) =>
      new Promise<unknown[]>((resolve, reject) =>
        fs[name](...args, (error: Error | null, ...results: unknown[]) =>
          error ? reject(error) : resolve(results),
        ),
      );
    const [fd] = await call('open', '/x', 'w+');
    expect(await call('write', fd, Buffer.from('hello'), 0, 5, 0)).toEqual([5, Buffer.from('hello')]);
    const into = Buffer.alloc(8);
    expect((await call('read', fd, into, 0, 8, 1))[0]).toBe(4);
    expect(String(into.subarray(0, 4))).toBe('ello');
    await call('close', fd);
    await expect(call('fstat', fd)).rejects.toMatchObject({ code: 'EBADF' });
    expect(await new Promise(resolve => fs.exists('/x', resolve))).toBe(true);
  });
});
