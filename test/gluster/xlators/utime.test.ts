import { describe, expect, it } from 'vitest';
import { DICT_MDATA, Dict } from '../../../src/gluster/types/dict.ts';
import {
  Iatt,
  SET_ATTR_ATIME,
  SET_ATTR_ATIME_NOW,
  SET_ATTR_MODE,
  SET_ATTR_MTIME,
} from '../../../src/gluster/types/iatt.ts';
import { frameOf, GraphStack } from '../../support/graph-stack.ts';

// libglusterfs/stack.h
const CTIME = 1;
const MTIME = 2;
const ATIME = 4;
const PARENT = 8 | 16;

describe('features/utime', () => {
  it('notes with each fop which times it sets, and to what', async () => {
    await using stack = await GraphStack.open('features/utime');
    const before = stack.env.clock.now();
    stack.brick.calls = [];
    const fd = await stack.create('f');
    await stack.write(fd, 0, Buffer.from('x'));
    await stack.read(fd, 0, 1);
    await stack.rename('f', 'g');
    await stack.mkdir('d');
    await stack.fops.ftruncate(frameOf('ftruncate'), fd, 0);
    await stack.fops.fallocate(frameOf('fallocate'), fd, false, 0, 10);
    await stack.unlink('g');
    const flags = new Map(stack.brick.calls.map(({ fop, frame }) => [fop as string, frame.root.flags]));
    expect(Object.fromEntries(flags)).toEqual({
      create: ATIME | CTIME | MTIME | PARENT,
      writev: MTIME | CTIME,
      // noatime is on by default.
      readv: 0,
      rename: CTIME | PARENT,
      mkdir: ATIME | CTIME | MTIME | PARENT,
      ftruncate: CTIME | MTIME,
      fallocate: MTIME | ATIME,
      unlink: CTIME | PARENT,
    });
    for (const { frame } of stack.brick.calls) {
      const at = frame.root.ctime * 1000 + frame.root.ctimeNsec / 1e6;
      expect(at).toBeGreaterThanOrEqual(before);
      expect(at).toBeLessThanOrEqual(stack.env.clock.now());
    }
    await stack.close(fd);
  });

  it('keeps access times when it is told to', async () => {
    await using stack = await GraphStack.open(['features/utime', { noatime: 'off' }]);
    const fd = await stack.create('f');
    stack.brick.calls = [];
    await stack.read(fd, 0, 1);
    expect(stack.brick.calls.map(({ frame }) => frame.root.flags)).toEqual([ATIME]);
    await stack.close(fd);
  });

  it('takes times that are set to now from what is set', async () => {
    await using stack = await GraphStack.open('features/utime');
    const fd = await stack.create('f');
    stack.brick.calls = [];
    const stat = Object.assign(new Iatt(), { atime: 77, atimeNsec: 5, mode: 0o600 });
    const set = (valid: number) => stack.fops.setattr(frameOf('setattr'), stack.locOf(fd.inode), stat, valid);
    await set(SET_ATTR_MODE);
    await set(SET_ATTR_ATIME | SET_ATTR_MTIME);
    await set(SET_ATTR_ATIME | SET_ATTR_ATIME_NOW);
    const roots = stack.brick.calls.map(({ frame }) => frame.root);
    expect(roots.map(({ flags }) => flags)).toEqual([CTIME, 0, 0]);
    expect([roots[2].ctime, roots[2].ctimeNsec]).toEqual([77, 5]);
    await stack.close(fd);
  });

  it('asks for the times on lookups, and sets them where there are none', async () => {
    await using stack = await GraphStack.open('features/utime');
    const fd = await stack.create('f');
    await stack.close(fd);
    const seen: Dict[] = [];
    const { brick } = stack;
    const setxattr = brick.setxattr.bind(brick);
    brick.setxattr = (frame, loc, dict, flags, xdata) => {
      seen.push(dict);
      expect(frame.root).toMatchObject({ uid: 0, gid: 0, pid: -13 });
      return setxattr(frame, loc, new Dict(), flags, xdata);
    };
    stack.graph.relink();
    const { stat } = await stack.lookup('f');
    expect(seen.length).toBe(1);
    expect(seen[0].get('set-ctime-mdata')).toEqual({
      type: DICT_MDATA,
      value: {
        atime: stat.atime,
        atimeNsec: stat.atimeNsec,
        mtime: stat.mtime,
        mtimeNsec: stat.mtimeNsec,
        ctime: stat.ctime,
        ctimeNsec: stat.ctimeNsec,
      },
    });
    brick.store.at('f')!.xattrs.set('trusted.glusterfs.mdata', Buffer.alloc(44));
    await stack.lookup('f');
    expect(seen.length).toBe(1);
  });
});
