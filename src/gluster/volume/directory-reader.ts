import { ERRNO } from '../../base/errno.ts';
import type { Fd } from '../graph/fd.ts';
import { FopError } from '../graph/fop-error.ts';
import type { GraphEntry } from '../graph/fops.ts';
import type { Frame } from '../graph/frame.ts';
import { page } from './dir-ops.ts';
import { withFile } from './file-ops.ts';
import { toText } from './names.ts';
import type { OpenFile, Session } from './session.ts';

/**
 * An open directory, listed a page at a time. Offsets in a directory mean something to one graph only (distribute puts the brick into
 * them), so when the graph is replaced what is left is read through the old one.
 */
export class DirectoryReader implements OpenFile {
  private readonly session: Session;
  private readonly path: string;
  /** Undefined: all has been read. */
  private fd: Fd | undefined;
  private offset = 0n;
  /** Read before the graph was replaced. */
  private rest: GraphEntry[] = [];
  private failure: unknown;

  static open(session: Session, path: string): Promise<DirectoryReader> {
    return session.runPath('opendir', toText(path), undefined, frame =>
      withFile(session, frame, path, true, async (loc, stat) => {
        if (!stat.isDirectory) throw new FopError(ERRNO['ENOTDIR']);
        const fd = session.inodes.openFd(loc.inode, 0, frame.root.pid, frame.root.lkOwner);
        try {
          await session.fops.opendir(frame, loc, fd);
        } catch (thrown) {
          fd.release();
          throw thrown;
        }
        return new DirectoryReader(session, path, fd);
      }),
    );
  }

  private constructor(session: Session, path: string, fd: Fd) {
    this.session = session;
    this.path = path;
    this.fd = fd;
    session.files.add(this);
  }

  /** The next entries; none: that was all. */
  next(): Promise<GraphEntry[]> {
    return this.session.run('readdir', toText(this.path), undefined, async frame => {
      const { rest } = this;
      if (rest.length > 0) {
        this.rest = [];
        return rest;
      }
      if (this.failure !== undefined) throw this.failure;
      return this.read(frame);
    });
  }

  /** Of the graph's switching: nothing is under way. */
  async switchTo(): Promise<void> {
    const frame = this.session.frame('readdir');
    try {
      for (let more = await this.read(frame); more.length > 0; more = await this.read(frame))
        for (const entry of more) this.rest.push(entry);
    } catch (thrown) {
      this.failure = thrown;
    }
    this.release();
  }

  async close(): Promise<void> {
    this.session.files.delete(this);
    this.release();
  }

  private release(): void {
    this.fd?.release();
    this.fd = undefined;
  }

  private async read(frame: Frame): Promise<GraphEntry[]> {
    const { fd } = this;
    if (fd === undefined) return [];
    for (;;) {
      const { entries, offset, end } = await page(this.session, frame, fd, this.offset);
      this.offset = offset;
      if (end) this.release();
      if (end || entries.length > 0) return entries;
    }
  }
}
