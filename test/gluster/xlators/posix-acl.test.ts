import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Inode } from '../../../src/gluster/graph/inode.ts';
import { Dict } from '../../../src/gluster/types/dict.ts';
import { Iatt, SET_ATTR_GID, SET_ATTR_MODE, SET_ATTR_UID } from '../../../src/gluster/types/iatt.ts';
import * as acls from '../../../src/gluster/xlators/system/posix-acl/acl.ts';
import { prng } from '../../support/fuzz.ts';
import { frameOf, GraphStack, O_RDONLY, O_RDWR } from '../../support/graph-stack.ts';

const UNDEFINED = 0xffffffff;

function entries(...list: [tag: number, perm: number, id?: number][]): acls.Acl {
  return list.map(([tag, perm, id = UNDEFINED]) => ({ tag, perm, id }));
}

function frame(op: string, uid: number, gid = 100, groups: number[] = []) {
  const made = frameOf(op);
  made.root.uid = uid;
  made.root.gid = gid;
  made.root.groups = groups;
  return made;
}

/** Whether the kernel can be asked: root, Python, and lists in the temporary directory. */
const oracle = join(import.meta.dirname, '..', '..', 'support', 'acl-oracle.py');
function askKernel(cases: object[]): ({ mode: number; permits: boolean } | null)[] | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'nacre-acl-'));
  // Those who are asked for are not root.
  chmodSync(folder, 0o755);
  try {
    const ran = spawnSync('python3', [oracle, folder], { input: JSON.stringify(cases), encoding: 'utf8' });
    return ran.status === 0 ? JSON.parse(ran.stdout) : undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('access control lists', () => {
  it('are encoded as they are decoded, and garbage is none', () => {
    const acl = entries(
      [acls.USER_OBJ, 7],
      [acls.USER, 5, 1001],
      [acls.GROUP_OBJ, 4],
      [acls.MASK, 5],
      [acls.OTHER, 0],
    );
    const bytes = acls.encodeAcl(acl);
    expect(acls.decodeAcl(bytes)?.map(({ tag, perm }) => [tag, perm])).toEqual(acl.map(e => [e.tag, e.perm]));
    expect(acls.encodeAcl(acls.decodeAcl(bytes)!)).toEqual(bytes);
    for (let length = 0; length < bytes.length; length++)
      if ((length - 4) % 8 !== 0) expect(acls.decodeAcl(bytes.subarray(0, length))).toBeUndefined();
    expect(acls.decodeAcl(Buffer.from('0300000001000700ffffffff', 'hex'))).toBeUndefined();
    expect(acls.decodeAcl(Buffer.from('0200000003000700ffffffff', 'hex'))).toBeUndefined();
  });

  const next = prng(11);
  const pick = <T>(...values: T[]): T => values[next() % values.length];
  const cases = Array.from({ length: 400 }, () => {
    const list: acls.Acl = [];
    const perm = () => next() % 8;
    const extended = next() % 4 !== 0;
    list.push(...entries([acls.USER_OBJ, perm()]));
    if (extended) {
      const users = new Set(Array.from({ length: next() % 3 }, () => pick(1001, 1002, 1003)));
      for (const id of [...users].sort()) list.push(...entries([acls.USER, perm(), id]));
    }
    list.push(...entries([acls.GROUP_OBJ, perm()]));
    if (extended) {
      const groups = new Set(Array.from({ length: next() % 3 }, () => pick(2001, 2002, 2003)));
      for (const id of [...groups].sort()) list.push(...entries([acls.GROUP, perm(), id]));
      // Linux does not look at a list whose mask gives nothing; GlusterFS does.
      list.push(...entries([acls.MASK, 1 + (next() % 7)]));
    }
    list.push(...entries([acls.OTHER, perm()]));
    return {
      list,
      acl: acls.encodeAcl(list).toString('hex'),
      uid: pick(1001, 1004),
      gid: pick(2001, 2004),
      mode: 0o640,
      asker: {
        uid: pick(1001, 1002, 1004, 1005),
        gid: pick(2001, 2002, 2004, 2005),
        groups: pick<number[]>([], [2001], [2002, 2003], [2004]),
      },
      want: 1 + (next() % 7),
    };
  });
  const verdicts = askKernel(cases);
  it.skipIf(verdicts === undefined)('permit what the kernel permits', () => {
    let asked = 0;
    cases.forEach(({ list, uid, gid, mode, asker, want }, i) => {
      const verdict = verdicts![i];
      if (verdict === null) return;
      asked++;
      const decoded = acls.decodeAcl(acls.encodeAcl(list))!;
      const file = { uid, gid, mode: acls.modeOfAcl(decoded, mode) };
      expect(file.mode & 0o777, `mode of case ${i}`).toBe(verdict.mode);
      expect(acls.permits(asker, file, decoded, want), JSON.stringify(cases[i])).toBe(verdict.permits);
    });
    expect(asked).toBeGreaterThan(300);
  });
});

describe('system/posix-acl', () => {
  async function open(): Promise<GraphStack> {
    const stack = await GraphStack.open('system/posix-acl');
    await stack.fops.lookup(frameOf('lookup'), stack.locOf(stack.graph.inodes.root));
    return stack;
  }

  async function chown(
    stack: GraphStack,
    inode: Inode,
    uid: number,
    gid: number,
    mode: number,
  ): Promise<void> {
    const stat = Object.assign(new Iatt(), { uid, gid, mode });
    const valid = SET_ATTR_UID | SET_ATTR_GID | SET_ATTR_MODE;
    await stack.fops.setattr(frameOf('setattr'), stack.locOf(inode), stat, valid);
  }

  it('goes by owner, group and mode where there is no list', async () => {
    await using stack = await open();
    const fd = await stack.create('f');
    await chown(stack, fd.inode, 1001, 2001, 0o640);
    const loc = stack.locOf(fd.inode);
    const access = (uid: number, gid: number, mask: number, groups: number[] = []) =>
      stack.fops.access(frame('access', uid, gid, groups), loc, mask);
    await access(1001, 1, 6);
    await access(1002, 2001, 4);
    await access(1002, 1, 4, [2001]);
    await expect(access(1002, 2001, 2)).rejects.toMatchObject({ code: 'EACCES', origin: 'posix-acl' });
    await expect(access(1002, 1, 4)).rejects.toMatchObject({ code: 'EACCES' });
    await expect(access(1001, 1, 8)).rejects.toMatchObject({ code: 'EINVAL' });
    await access(0, 0, 7);
    const opened = stack.graph.inodes.openFd(fd.inode, O_RDWR, 1, '');
    await expect(stack.fops.open(frame('open', 1002, 2001), loc, O_RDWR, opened)).rejects.toMatchObject({
      code: 'EACCES',
    });
    await stack.fops.open(frame('open', 1002, 2001), loc, O_RDONLY, opened);
    opened.release();
    await stack.close(fd);
  });

  it('only lets owners change modes, and nobody give files away', async () => {
    await using stack = await open();
    const fd = await stack.create('f');
    await chown(stack, fd.inode, 1001, 2001, 0o644);
    const set = (uid: number, gid: number, change: Partial<Iatt>, valid: number) =>
      stack.fops.setattr(
        frame('setattr', uid, gid),
        stack.locOf(fd.inode),
        Object.assign(new Iatt(), change),
        valid,
      );
    await expect(set(1002, 2001, { mode: 0o600 }, SET_ATTR_MODE)).rejects.toMatchObject({ code: 'EPERM' });
    await expect(set(1001, 2001, { uid: 1002 }, SET_ATTR_UID)).rejects.toMatchObject({ code: 'EPERM' });
    await expect(set(1001, 2001, { gid: 2002 }, SET_ATTR_GID)).rejects.toMatchObject({ code: 'EPERM' });
    const { post } = await set(1001, 9, { mode: 0o2755 }, SET_ATTR_MODE);
    expect(post.mode & 0o7777).toBe(0o755);
    await stack.close(fd);
  });

  it('takes lists over when they are set, and enforces them', async () => {
    await using stack = await open();
    const fd = await stack.create('f');
    await chown(stack, fd.inode, 1001, 2001, 0o600);
    const loc = stack.locOf(fd.inode);
    const list = entries(
      [acls.USER_OBJ, 6],
      [acls.USER, 4, 1003],
      [acls.GROUP_OBJ, 0],
      [acls.MASK, 4],
      [acls.OTHER, 0],
    );
    const dict = new Dict().setBytes('system.posix_acl_access', acls.encodeAcl(list));
    await expect(stack.fops.setxattr(frame('setxattr', 1003), loc, dict, 0)).rejects.toMatchObject({
      code: 'EPERM',
    });
    await stack.fops.setxattr(frame('setxattr', 1001), loc, dict, 0);
    await stack.fops.access(frame('access', 1003), loc, 4);
    await expect(stack.fops.access(frame('access', 1003), loc, 2)).rejects.toMatchObject({ code: 'EACCES' });
    await stack.fops.removexattr(frame('removexattr', 1001), loc, 'system.posix_acl_access');
    await expect(stack.fops.access(frame('access', 1003), loc, 4)).rejects.toMatchObject({ code: 'EACCES' });
    await stack.close(fd);
  });

  it("new files and directories inherit their directory's default list, without the umask", async () => {
    await using stack = await open();
    const directory = await stack.mkdir('d');
    const list = entries(
      [acls.USER_OBJ, 7],
      [acls.USER, 6, 1003],
      [acls.GROUP_OBJ, 5],
      [acls.MASK, 7],
      [acls.OTHER, 0],
    );
    const dict = new Dict().setBytes('system.posix_acl_default', acls.encodeAcl(list));
    await stack.fops.setxattr(frameOf('setxattr'), stack.locOf(directory), dict, 0);
    const { inodes } = stack.graph;
    const loc = stack.loc('f', directory);
    const fd = inodes.openFd(loc.inode, O_RDWR, 1, '');
    const xdata = new Dict().setGfid('gfid-req', stack.gfid()).setInt('umask', 0o077).setInt('mode', 0o664);
    const made = await stack.fops.create(frameOf('create'), loc, O_RDWR | 0o100, 0o600, 0o077, fd, xdata);
    inodes.link(loc.inode, directory, 'f', made.stat);
    expect(made.stat.mode & 0o777).toBe(0o660);
    const { dict: kept } = await stack.fops.getxattr(frameOf('getxattr'), stack.locOf(loc.inode), undefined);
    const inherited = acls.decodeAcl(kept.bytes('system.posix_acl_access')!)!;
    expect(inherited.map(({ tag, perm }) => [tag, perm])).toEqual([
      [acls.USER_OBJ, 6],
      [acls.USER, 6],
      [acls.GROUP_OBJ, 5],
      [acls.MASK, 6],
      [acls.OTHER, 0],
    ]);
    const sub = await stack.mkdir('sub', directory);
    const { dict: below } = await stack.fops.getxattr(frameOf('getxattr'), stack.locOf(sub), undefined);
    expect(below.bytes('system.posix_acl_default')).toEqual(acls.encodeAcl(list));
    fd.release();
  });

  it('keeps to the sticky bit', async () => {
    await using stack = await open();
    const directory = await stack.mkdir('tmp');
    await chown(stack, directory, 0, 0, 0o1777);
    const fd = await stack.create('f', O_RDWR, directory);
    await chown(stack, fd.inode, 1001, 2001, 0o666);
    const loc = stack.loc('f', directory);
    await expect(stack.fops.unlink(frame('unlink', 1002), loc, 0)).rejects.toMatchObject({ code: 'EACCES' });
    await stack.fops.unlink(frame('unlink', 1001), loc, 0);
    fd.release();
  });
});
