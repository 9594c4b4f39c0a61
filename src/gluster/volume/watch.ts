import { ERRNO } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import { errnoOf } from '../graph/fop-error.ts';
import type { Gfid } from '../types/gfid.ts';
import type { Iatt } from '../types/iatt.ts';
import { entries } from './dir-ops.ts';
import { withFile } from './file-ops.ts';
import { toText } from './names.ts';
import type { Abortable, Session } from './session.ts';

/** As `fs.watch` tells it: 'rename' when a name appears, disappears or leads to another file, 'change' when a file changed. */
export interface WatchEvent {
  readonly eventType: 'rename' | 'change';
  /** A name in the directory that is watched, or that of the file. */
  readonly filename: string;
}

export interface WatchOptions extends Abortable {
  /** How often it is looked again, milliseconds; see `watchPath`. Default 10 s. */
  readonly interval?: number;
  /** Not there: ENOTSUP. */
  readonly recursive?: boolean;
}

const INTERVAL = 10_000;

interface Seen {
  readonly gfid: Gfid;
  readonly state: string;
}

/**
 * Watches a file, or a directory and what is in it, until aborted or given up.
 *
 * Bricks of a volume with `features.cache-invalidation` tell a client when another changes what it looked at (upcalls), for as long as it
 * looks again within their timeout (60 s by default). They say which file, not what happened: that is found by comparing. So it is looked
 * when an upcall comes, and every `interval`, which renews the bricks' interest, and on volumes without upcalls, and for changes
 * made through this very volume, is how changes are found.
 */
export async function* watchPath(
  session: Session,
  path: string,
  options: WatchOptions = {},
): AsyncGenerator<WatchEvent> {
  const { interval = INTERVAL, signal } = options;
  if (options.recursive === true)
    throw new NacreError('ENOTSUP', 'gluster.watch', 'watching directories below (recursive) is not there');
  signal?.throwIfAborted();
  const { timers } = session.env;
  let news = false;
  let wake = () => {};
  const heard = () => {
    news = true;
    wake();
  };
  let before = await look(session, path);
  if (before === undefined) throw new NacreError('ENOENT', 'gluster.watch', `'${toText(path)}' is not there`);
  const upcall = (gfid: Gfid) => {
    for (const seen of before!.values()) if (seen.gfid === gfid) return heard();
  };
  const timer = timers.every(heard, interval, true);
  session.upcalls.add(upcall);
  signal?.addEventListener('abort', heard, { once: true });
  try {
    for (;;) {
      if (!news)
        await new Promise<void>(resolve => {
          wake = resolve;
        });
      signal?.throwIfAborted();
      news = false;
      const now = (await look(session, path)) ?? new Map<string, Seen>();
      const events = compare(path, before, now);
      before = now;
      yield* events;
      // What was watched is gone, as the last event said.
      if (now.size === 0) return;
    }
  } finally {
    timers.clear(timer);
    session.upcalls.delete(upcall);
    signal?.removeEventListener('abort', heard);
  }
}

/** What is there by name; '' is what is watched itself. Undefined: nothing. */
async function look(session: Session, path: string): Promise<Map<string, Seen> | undefined> {
  try {
    return await session.runPath('watch', toText(path), undefined, frame =>
      withFile(session, frame, path, true, async (loc, stat) => {
        const found = new Map<string, Seen>([['', seen(stat)]]);
        if (stat.isDirectory)
          for await (const entry of entries(session, frame, loc))
            if (entry.stat !== undefined) found.set(entry.name, seen(entry.stat));
        return found;
      }),
    );
  } catch (error) {
    if (errnoOf(error) === ERRNO['ENOENT'] || (error as NacreError).code === 'ENOENT') return undefined;
    throw error;
  }
}

function seen(stat: Iatt): Seen {
  const { gfid, isDirectory, mode, uid, gid, size, mtime, mtimeNsec, nlink } = stat;
  // A directory's own times and size only say what its names say better.
  const content = isDirectory ? '' : `${size} ${mtime}.${mtimeNsec} ${nlink}`;
  return { gfid, state: `${mode} ${uid} ${gid} ${content}` };
}

function compare(
  path: string,
  before: ReadonlyMap<string, Seen>,
  now: ReadonlyMap<string, Seen>,
): WatchEvent[] {
  const own = toText(path.replace(/\/+$/, '').replace(/^.*\//, ''));
  const events: WatchEvent[] = [];
  const tell = (eventType: WatchEvent['eventType'], name: string) =>
    events.push({ eventType, filename: name === '' ? own : toText(name) });
  for (const [name, was] of before) {
    const is = now.get(name);
    if (is === undefined || is.gfid !== was.gfid) tell('rename', name);
    else if (is.state !== was.state) tell('change', name);
  }
  for (const name of now.keys()) if (!before.has(name)) tell('rename', name);
  return events;
}
