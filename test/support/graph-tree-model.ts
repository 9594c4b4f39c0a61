import assert from 'node:assert/strict';
import type { Fd } from '../../src/gluster/graph/fd.ts';
import { FopError } from '../../src/gluster/graph/fop-error.ts';
import type { Inode } from '../../src/gluster/graph/inode.ts';
import { Dict } from '../../src/gluster/types/dict.ts';
import { IA_IFDIR } from '../../src/gluster/types/iatt.ts';
import { frameOf, type GraphStack, O_RDONLY, O_RDWR, O_TRUNC } from './graph-stack.ts';
import { FsxRandom } from './rbd-fsx.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const DIRS = ['x', 'y'];
const XATTRS = ['security.capability', 'user.note', 'user.other'];

interface File {
  content: Buffer;
  readonly xattrs: Map<string, string>;
  links: number;
}

interface Open {
  readonly fd: Fd;
  readonly file: File;
}

/** The code of whatever a fop fails with; undefined when it does not. */
async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (thrown) {
    if (thrown instanceof FopError) return thrown.code;
    throw thrown;
  }
}

/**
 * Random work on names, contents and extended attributes of a few files in three directories, one operation after the other, through a stack
 * of layers over a brick that answers late: what it sees is what a plain model of a file system has.
 */
export class GraphTreeModel {
  private readonly stack: GraphStack;
  private readonly random: FsxRandom;
  private readonly seed: number;
  private readonly dirs: { inode: Inode; files: Map<string, File> }[] = [];
  private open: Open[] = [];
  private log: string[] = [];

  constructor(stack: GraphStack, seed: number) {
    this.stack = stack;
    this.seed = seed;
    this.random = new FsxRandom(seed);
  }

  async run(ops: number): Promise<void> {
    const { stack } = this;
    this.dirs.push({ inode: stack.graph.inodes.root, files: new Map() });
    for (const name of DIRS) this.dirs.push({ inode: await stack.mkdir(name), files: new Map() });
    const late = new FsxRandom(this.seed * 17 + 3);
    stack.brick.before = () =>
      late.below(3) === 0 ? new Promise(resolve => setImmediate(() => resolve(undefined))) : undefined;
    try {
      for (let n = 0; n < ops; n++) {
        if (this.random.below(40) === 0) stack.advance(300 + this.random.below(1500));
        await this.step();
      }
    } catch (error) {
      throw new Error(`seed ${this.seed}: ${this.log.slice(-12).join('; ')}: ${String(error)}`, {
        cause: error,
      });
    }
    for (const { fd } of this.open) await stack.close(fd);
    for (const { inode, files } of this.dirs) {
      const prefix = inode === stack.graph.inodes.root ? '' : `${stack.graph.inodes.path(inode)}/`;
      for (const [name, file] of files) {
        const data = stack.brick.store.at(prefix + name)?.data;
        assert.ok(data?.read(0, data.size).equals(file.content), `${prefix}${name} on the brick`);
      }
    }
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)];
  }

  private async step(): Promise<void> {
    const steps = [
      this.create,
      this.openFile,
      this.openFile,
      this.closeFile,
      this.write,
      this.write,
      this.write,
      this.readOpen,
      this.readOpen,
      this.truncate,
      this.look,
      this.look,
      this.list,
      this.setXattr,
      this.getXattr,
      this.getXattr,
      this.removeXattr,
      this.rename,
      this.link,
      this.unlink,
    ];
    await this.pick(steps).call(this);
  }

  private note(text: string): void {
    this.log.push(text);
  }

  private where(): { dir: GraphTreeModel['dirs'][number]; name: string; file: File | undefined } {
    const dir = this.pick(this.dirs);
    const name = this.pick(NAMES);
    return { dir, name, file: dir.files.get(name) };
  }

  /** The file's inode, by a lookup, as a user of names would get it. */
  private async inodeOf(dir: GraphTreeModel['dirs'][number], name: string): Promise<Inode> {
    return (await this.stack.lookup(name, undefined, dir.inode)).inode;
  }

  private async create(): Promise<void> {
    const { dir, name, file } = this.where();
    if (file !== undefined) return;
    this.note(`create ${name}`);
    const fd = await this.stack.create(name, O_RDWR, dir.inode);
    const made: File = { content: Buffer.alloc(0), xattrs: new Map(), links: 1 };
    dir.files.set(name, made);
    this.open.push({ fd, file: made });
  }

  private async openFile(): Promise<void> {
    const { dir, name, file } = this.where();
    if (file === undefined || this.open.length > 6) return;
    const flags = this.pick([O_RDONLY, O_RDWR, O_RDWR, O_RDWR | O_TRUNC]);
    this.note(`open ${name} ${flags.toString(8)}`);
    const fd = await this.stack.open(await this.inodeOf(dir, name), flags);
    if ((flags & O_TRUNC) !== 0) file.content = Buffer.alloc(0);
    this.open.push({ fd, file });
  }

  private async closeFile(): Promise<void> {
    if (this.open.length === 0) return;
    const at = this.random.below(this.open.length);
    const [{ fd }] = this.open.splice(at, 1);
    this.note('close');
    await this.stack.close(fd);
  }

  private async write(): Promise<void> {
    const open = this.open.filter(({ fd }) => (fd.flags & O_RDWR) !== 0);
    if (open.length === 0) return;
    const { fd, file } = this.pick(open);
    const offset = this.random.below(3) === 0 ? this.random.below(30_000) : file.content.length;
    const data = this.random.bytes(1 + this.random.below(5000));
    this.note(`write ${offset}+${data.length}`);
    const grown = Buffer.alloc(Math.max(file.content.length, offset + data.length));
    file.content.copy(grown);
    data.copy(grown, offset);
    file.content = grown;
    await this.stack.write(fd, offset, data);
  }

  private async readOpen(): Promise<void> {
    if (this.open.length === 0) return;
    const { fd, file } = this.pick(this.open);
    const offset = this.random.below(2) === 0 ? 0 : this.random.below(file.content.length + 100);
    const size = 1 + this.random.below(10_000);
    this.note(`read ${offset}+${size}`);
    const data = await this.stack.read(fd, offset, size);
    assert.ok(data.equals(file.content.subarray(offset, offset + size)), 'what is read was written');
  }

  private async truncate(): Promise<void> {
    const { dir, name, file } = this.where();
    if (file === undefined) return;
    const size = this.random.below(file.content.length * 2 + 10);
    this.note(`truncate ${name} ${size}`);
    const resized = Buffer.alloc(size);
    file.content.copy(resized);
    file.content = resized;
    const loc = this.stack.locOf(await this.inodeOf(dir, name));
    await this.stack.fops.truncate(frameOf('truncate'), loc, size);
  }

  private async look(): Promise<void> {
    const { dir, name, file } = this.where();
    this.note(`lookup ${name}`);
    const looked = this.stack.lookup(name, undefined, dir.inode);
    if (file === undefined) {
      assert.equal(await codeOf(looked), 'ENOENT');
      return;
    }
    const { stat, inode } = await looked;
    assert.equal(stat.size, file.content.length, 'size by lookup');
    const again = await this.stack.fops.stat(frameOf('stat'), this.stack.locOf(inode));
    assert.equal(again.stat.size, file.content.length, 'size by stat');
    assert.equal(again.stat.nlink, file.links, 'links');
  }

  private async list(): Promise<void> {
    const { stack } = this;
    const { inode, files } = this.pick(this.dirs);
    this.note('list');
    const fd = stack.graph.inodes.openFd(inode, 0, 1, '');
    await stack.fops.opendir(frameOf('opendir'), stack.locOf(inode), fd);
    const names: string[] = [];
    for (let offset = 0n, eof = false; !eof; ) {
      const answer = await stack.fops.readdirp(frameOf('readdirp'), fd, 700, offset);
      for (const { name, stat, dOff } of answer.entries) {
        offset = dOff;
        if (name.startsWith('.') || stat?.type === IA_IFDIR) continue;
        names.push(name);
        if (stat !== undefined && files.has(name))
          assert.equal(stat.size, files.get(name)?.content.length, `size of ${name} in a listing`);
      }
      eof = answer.eof || answer.entries.length === 0;
    }
    fd.release();
    const expected = [...files.keys(), ...(inode === stack.graph.inodes.root ? DIRS : [])];
    const listed = names.filter(name => !DIRS.includes(name));
    assert.deepEqual(listed.sort(), expected.filter(name => !DIRS.includes(name)).sort());
  }

  private async setXattr(): Promise<void> {
    const { dir, name, file } = this.where();
    if (file === undefined) return;
    const key = this.pick(XATTRS);
    const value = String(this.random.next());
    this.note(`setxattr ${name} ${key}`);
    file.xattrs.set(key, value);
    const loc = this.stack.locOf(await this.inodeOf(dir, name));
    await this.stack.fops.setxattr(frameOf('setxattr'), loc, new Dict().setBytes(key, Buffer.from(value)), 0);
  }

  private async getXattr(): Promise<void> {
    const { dir, name, file } = this.where();
    if (file === undefined) return;
    const key = this.pick(XATTRS);
    this.note(`getxattr ${name} ${key}`);
    const loc = this.stack.locOf(await this.inodeOf(dir, name));
    const asked = this.stack.fops.getxattr(frameOf('getxattr'), loc, key);
    const value = file.xattrs.get(key);
    if (value === undefined) assert.equal(await codeOf(asked), 'ENODATA');
    else assert.equal((await asked).dict.string(key), value);
  }

  private async removeXattr(): Promise<void> {
    const { dir, name, file } = this.where();
    if (file === undefined) return;
    const key = this.pick(XATTRS);
    this.note(`removexattr ${name} ${key}`);
    const loc = this.stack.locOf(await this.inodeOf(dir, name));
    const removed = codeOf(this.stack.fops.removexattr(frameOf('removexattr'), loc, key));
    assert.equal(await removed, file.xattrs.delete(key) ? undefined : 'ENODATA');
  }

  private async rename(): Promise<void> {
    const { dir, name, file } = this.where();
    const to = this.pick(NAMES);
    if (file === undefined || to === name) return;
    const there = dir.files.get(to);
    if (there === file) return;
    this.note(`rename ${name} ${to}`);
    await this.inodeOf(dir, name);
    if (there !== undefined) {
      await this.inodeOf(dir, to);
      there.links--;
    }
    await this.stack.rename(name, to, dir.inode);
    dir.files.delete(name);
    dir.files.set(to, file);
  }

  private async link(): Promise<void> {
    const { dir, name, file } = this.where();
    const to = this.pick(NAMES);
    if (file === undefined || dir.files.has(to)) return;
    this.note(`link ${name} ${to}`);
    const inode = await this.inodeOf(dir, name);
    const loc = this.stack.loc(to, dir.inode);
    const answer = await this.stack.fops.link(frameOf('link'), this.stack.locOf(inode), loc);
    this.stack.graph.inodes.link(inode, dir.inode, to, answer.stat);
    dir.files.set(to, file);
    file.links++;
  }

  private async unlink(): Promise<void> {
    const { dir, name, file } = this.where();
    if (file === undefined || this.random.below(2) === 0) return;
    this.note(`unlink ${name}`);
    await this.inodeOf(dir, name);
    await this.stack.unlink(name, dir.inode);
    dir.files.delete(name);
    file.links--;
  }
}
