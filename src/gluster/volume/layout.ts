import { ERRNO } from '../../base/errno.ts';
import { errnoOf, FopError } from '../graph/fop-error.ts';
import type { Frame } from '../graph/frame.ts';
import type { Graph } from '../graph/graph.ts';
import type { Loc } from '../graph/loc.ts';
import { Distribute, decodeLayout } from '../xlators/cluster/distribute/index.ts';

const LAYOUT = 'trusted.glusterfs.dht';

/** The hashes whose names a subvolume has in a directory. */
export interface HashRange {
  readonly subvolume: string;
  /** Undefined where the subvolume has no range of this directory (a brick that was added, and no fix-layout since). */
  readonly start: number | undefined;
  readonly stop: number | undefined;
  readonly commitHash: number | undefined;
  /** Why nothing is known: 'ENOTCONN' of one that is down. */
  readonly error: string | undefined;
}

/** Where a distributed volume keeps something. */
export interface FileLayout {
  readonly distribute: string;
  /** Of the directory itself, or of the one that the file is in. */
  readonly ranges: readonly HashRange[];
  /** Of a file: the hash of its name, the subvolume that has the hash, and the one that has the file. */
  readonly file:
    | { readonly hash: number; readonly hashed: string | undefined; readonly cached: string | undefined }
    | undefined;
}

/** Reads the layout that bricks have on disk for `directory`, and with `file` where that lies. ENOTSUP for a volume of one brick. */
export async function readLayout(
  graph: Graph,
  frame: Frame,
  directory: Loc,
  file?: Loc,
): Promise<FileLayout> {
  const dht = graph.xlators.find(xlator => xlator instanceof Distribute);
  if (dht === undefined) throw new FopError(ERRNO['EOPNOTSUPP'], 'no cluster/distribute in this volume');
  const own = frame.internal();
  const ranges = await Promise.all(
    dht.subvolumes.map(async (fops, i): Promise<HashRange> => {
      const nothing = {
        subvolume: dht.children[i].name,
        start: undefined,
        stop: undefined,
        commitHash: undefined,
      };
      try {
        const { dict } = await fops.getxattr(own, directory, LAYOUT);
        const bytes = dict.bytes(LAYOUT);
        const disk = bytes === undefined ? undefined : decodeLayout(bytes);
        if (disk === undefined || (disk.start === 0 && disk.stop === 0))
          return { ...nothing, error: undefined };
        const { start, stop, commitHash } = disk;
        return { ...nothing, start, stop, commitHash, error: undefined };
      } catch (thrown) {
        const none = errnoOf(thrown) === ERRNO['ENODATA'];
        return { ...nothing, error: none ? undefined : (thrown as FopError).code };
      }
    }),
  );
  if (file === undefined) return { distribute: dht.name, ranges, file: undefined };
  const hash = dht.names.of(file.name);
  const hashed = ranges.find(({ start, stop }) => start !== undefined && start <= hash && hash <= stop!);
  const cached = dht.children[dht.cachedOf(file.inode)]?.name;
  return { distribute: dht.name, ranges, file: { hash, hashed: hashed?.subvolume, cached } };
}
