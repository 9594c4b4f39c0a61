import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../../src/base/errno.ts';
import { FopError } from '../../../src/gluster/graph/fop-error.ts';
import { GraphFsx } from '../../support/graph-fsx.ts';
import { frameOf, GraphStack, O_RDONLY, O_RDWR, O_TRUNC, settled } from '../../support/graph-stack.ts';
import { GraphTreeModel } from '../../support/graph-tree-model.ts';

const OB = 'performance/open-behind';

/** A stack with a file of some content, whose fops from here on are noted. */
async function withFile(options: Record<string, string> = {}): Promise<GraphStack> {
  const stack = await GraphStack.open([OB, options]);
  const fd = await stack.create('f');
  await stack.write(fd, 0, Buffer.from('content'));
  await stack.close(fd);
  stack.brick.calls = [];
  return stack;
}

const fops = (stack: GraphStack): string[] => (stack.brick.calls ?? []).map(({ fop }) => fop);

describe('performance/open-behind', () => {
  it('sends no open for a file that is only opened and closed', async () => {
    await using stack = await withFile();
    const { inode } = await stack.lookup('f');
    await stack.close(await stack.open(inode));
    expect(fops(stack)).toEqual(['lookup']);
    expect(stack.brick.openFds).toBe(0);
  });

  it('sends the open before the first fop that needs it', async () => {
    await using stack = await withFile();
    const { inode } = await stack.lookup('f');
    const fd = await stack.open(inode);
    await stack.write(fd, 0, Buffer.from('C'));
    await stack.write(fd, 1, Buffer.from('O'));
    await stack.close(fd);
    expect(fops(stack)).toEqual(['lookup', 'open', 'writev', 'writev', 'flush']);
    expect(stack.held('f').toString()).toBe('COntent');
    expect(stack.brick.openFds).toBe(0);
  });

  it('opens before it reads, or reads without an open where it is told to', async () => {
    for (const [options, expected] of [
      [{}, ['lookup', 'open', 'readv', 'fstat']],
      [{ 'use-anonymous-fd': 'yes', 'read-after-open': 'no' }, ['lookup', 'readv', 'fstat']],
      [{ 'use-anonymous-fd': 'yes', 'read-after-open': 'yes' }, ['lookup', 'open', 'readv', 'fstat']],
    ] as const) {
      await using stack = await withFile(options);
      const { inode } = await stack.lookup('f');
      const fd = await stack.open(inode, O_RDONLY);
      expect((await stack.read(fd, 0, 100)).toString()).toBe('content');
      expect((await stack.fops.fstat(frameOf('fstat'), fd)).stat.size).toBe(7);
      expect(fops(stack)).toEqual(expected);
      fd.release();
    }
  });

  it('opens before the name goes away, and after that the file can still be read', async () => {
    await using stack = await withFile();
    const { inode } = await stack.lookup('f');
    const fd = await stack.open(inode);
    await stack.unlink('f');
    expect(fops(stack)).toEqual(['lookup', 'open', 'unlink']);
    expect((await stack.read(fd, 0, 100)).toString()).toBe('content');
    await stack.close(fd);
  });

  it('opens before another file takes the name', async () => {
    await using stack = await withFile();
    await stack.close(await stack.create('other'));
    await stack.lookup('other');
    const { inode } = await stack.lookup('f');
    const fd = await stack.open(inode);
    await stack.rename('other', 'f');
    expect((await stack.read(fd, 0, 100)).toString()).toBe('content');
    await stack.close(fd);
  });

  it('says of a file that is being removed or replaced, or was, whether it could be opened', async () => {
    for (const replace of [false, true])
      for (const late of [false, true]) {
        await using stack = await withFile();
        await stack.close(await stack.create('other'));
        await stack.lookup('other');
        const { inode } = await stack.lookup('f');
        // Held, as whoever is about to open it has looked it up.
        inode.ref();
        let answer = () => {};
        const held = new Promise<undefined>(resolve => {
          answer = () => resolve(undefined);
        });
        stack.brick.after = ({ fop }) => (fop === 'unlink' || fop === 'rename' ? held : undefined);
        const removed = replace ? stack.rename('other', 'f') : stack.unlink('f');
        if (late) answer();
        if (late) await removed;
        await expect(stack.open(inode, O_RDONLY)).rejects.toMatchObject({ errno: ERRNO['ESTALE'] });
        answer();
        await removed;
        // Who has the name now is another file.
        if (!replace) await stack.close(await stack.create('f'));
        const now = await stack.lookup('f');
        stack.brick.calls = [];
        await stack.close(await stack.open(now.inode));
        expect(fops(stack)).toEqual([]);
      }
  });

  it('sends it right away for O_TRUNC, for a second open, and with lazy-open off', async () => {
    await using stack = await withFile();
    const { inode } = await stack.lookup('f');
    const first = await stack.open(inode, O_RDWR | O_TRUNC);
    expect(stack.held('f').length).toBe(0);
    const second = await stack.open(inode);
    expect(fops(stack)).toEqual(['lookup', 'open', 'open']);
    first.release();
    second.release();

    await using eager = await withFile({ 'lazy-open': 'no' });
    const fd = await eager.open((await eager.lookup('f')).inode);
    await settled(eager);
    expect(fops(eager)).toEqual(['lookup', 'open']);
    fd.release();
  });

  it('answers what needs the fd with the error of its open', async () => {
    await using stack = await withFile();
    const { inode } = await stack.lookup('f');
    const fd = await stack.open(inode);
    stack.brick.before = ({ fop }) => (fop === 'open' ? new FopError(ERRNO['EACCES']) : undefined);
    const both = [stack.write(fd, 0, Buffer.from('x')), stack.read(fd, 0, 1)];
    for (const each of both) await expect(each).rejects.toMatchObject({ errno: ERRNO['EACCES'] });
    await expect(stack.fsync(fd)).rejects.toMatchObject({ errno: ERRNO['EACCES'] });
    fd.release();
    stack.brick.before = undefined;
    const again = await stack.open(inode);
    expect((await stack.read(again, 0, 100)).toString()).toBe('content');
    again.release();
  });

  it('does as a plain file system does', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      await using stack = await GraphStack.open([
        OB,
        { 'use-anonymous-fd': seed % 2 ? 'yes' : 'no', 'read-after-open': seed % 3 ? 'yes' : 'no' },
      ]);
      await new GraphTreeModel(stack, seed).run(400);
      await using other = await GraphStack.open(OB);
      await new GraphFsx(other, { seed, batches: 150 }).run();
    }
  });
});
