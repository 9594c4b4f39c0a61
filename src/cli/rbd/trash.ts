import { execFileSync } from 'node:child_process';
import { TextTable } from '../../base/text-table.ts';
import type { Image, ParentRef, Rbd, TrashEntry } from '../../ceph/rbd/index.ts';
import { attempt, errnoOf, reason, ToolError, usageError } from './errors.ts';
import { removalFailure } from './images.ts';
import { formatParent, parentText } from './list.ts';
import { print, type Session } from './session.ts';
import { ctime } from './times.ts';

/** A time in any of the words of date(1), as the original reads it: milliseconds since the epoch. */
function parseDate(text: string): number {
  if (text === 'now') return Date.now();
  try {
    const seconds = execFileSync('date', [`--date=${text}`, '+%s'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number(seconds) * 1000;
  } catch {
    throw new ToolError('rbd: error calling /bin/date: (22) Invalid argument', 22);
  }
}

export async function move(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const rbd = await session.pool(spec.pool, spec.namespace);
  const now = Date.now();
  const until = parseDate(session.args.text('expires-at') ?? 'now');
  const delayMs = Math.floor((until - now) / 1000) * 1000;
  if (delayMs < 0 && until < now) throw usageError('cannot use a date in the past as an expiration date');
  await attempt('rbd: deferred delete error', () =>
    rbd.trash.move(spec.image, { delayMs: Math.max(0, delayMs) }),
  );
}

export async function remove(session: Session): Promise<void> {
  session.evenWhenFull();
  const { pool, namespace, id } = session.specs.imageId();
  const force = session.args.flag('force');
  const rbd = await session.pool(pool, namespace);
  const bar = session.progress('Removing image');
  try {
    await rbd.trash.remove(id, { force, onProgress: bar.update, signal: session.signal });
    bar.finish();
  } catch (error) {
    const failure =
      errnoOf(error) === 1
        ? new ToolError(
            '\nDeferment time has not expired, please use --force if you really want to remove the image',
            1,
          )
        : removalFailure(error, 'rbd: remove error');
    // The reason comes before the bar's last state here.
    process.stderr.write(`${failure.message}\n`);
    bar.fail();
    throw new ToolError('', failure.exitCode);
  }
}

export async function restore(session: Session): Promise<void> {
  const { pool, namespace, id } = session.specs.imageId();
  const name = session.args.text('image');
  const rbd = await session.pool(pool, namespace);
  try {
    await rbd.trash.restore(id, { name });
  } catch (error) {
    const errno = errnoOf(error);
    const known: Readonly<Record<number, string>> = {
      2: 'rbd: error: image does not exist in trash',
      17: 'rbd: error: an image with the same name already exists, try again with with a different name',
    };
    throw new ToolError(known[errno] ?? `rbd: restore error: ${reason(error)}`, errno);
  }
}

export async function purge(session: Session): Promise<void> {
  session.evenWhenFull();
  const { args } = session;
  const { pool, namespace } = session.specs.pool();
  const rbd = await session.pool(pool, namespace);
  const threshold = args.number('threshold');
  const before = args.text('expired-before');
  const expiredBefore =
    threshold === undefined && before !== undefined ? new Date(parseDate(before)) : undefined;
  const bar = session.progress('Removing images');
  try {
    await bar.run(onProgress =>
      rbd.trash.purge({ expiredBefore, threshold, onProgress, signal: session.signal }),
    );
  } catch (error) {
    throw new ToolError('', errnoOf(error));
  }
}

const SOURCES: Readonly<Record<TrashEntry['source'], string>> = {
  user: 'USER',
  mirroring: 'MIRRORING',
  migration: 'MIGRATION',
  'user-parent': 'USER_PARENT',
  unknown: '',
};

/** From the user, be it that he removed a clone's parent. */
const isUsers = ({ source }: TrashEntry) => source === 'user' || source === 'user-parent';

function statusOf({ defermentEndTime }: TrashEntry): string {
  const end = defermentEndTime.getTime();
  return `${Date.now() < end ? 'protected until' : 'expired at'} ${ctime(end)}`;
}

interface LongEntry {
  readonly entry: TrashEntry;
  readonly parent: ParentRef | undefined;
}

async function longEntries(session: Session, rbd: Rbd, entries: readonly TrashEntry[]): Promise<LongEntry[]> {
  const found: LongEntry[] = [];
  await session.withoutCache();
  for (const entry of entries) {
    let image: Image;
    try {
      image = await rbd.openById(entry.id, { readOnly: true, signal: session.signal });
    } catch (error) {
      if (errnoOf(error) !== 2) process.stderr.write(`rbd: error opening ${entry.id}: ${reason(error)}\n`);
      continue;
    }
    await using closing = image;
    found.push({ entry, parent: await closing.parent() });
  }
  return found;
}

async function longList(session: Session, rbd: Rbd, entries: readonly TrashEntry[]): Promise<void> {
  const f = session.formatter();
  const found = await longEntries(session, rbd, entries);
  if (f !== undefined) {
    f.array('trash', () => {
      for (const { entry, parent } of found)
        f.object('image', () => {
          f.value('id', entry.id);
          f.value('name', entry.name);
          f.value('source', SOURCES[entry.source]);
          f.value('deleted_at', ctime(entry.deletionTime.getTime()));
          f.value('status', statusOf(entry));
          if (parent !== undefined) formatParent(f, parent);
        });
    });
    print(f.toString());
    return;
  }
  if (entries.length === 0) return;
  const table = new TextTable();
  for (const heading of ['ID', 'NAME', 'SOURCE', 'DELETED_AT', 'STATUS', 'PARENT']) table.column(heading);
  for (const { entry, parent } of found)
    table.row(
      entry.id,
      entry.name,
      SOURCES[entry.source],
      ctime(entry.deletionTime.getTime()),
      statusOf(entry),
      parentText(parent),
    );
  print(table.toString());
}

export async function list(session: Session): Promise<void> {
  const { pool, namespace } = session.specs.pool();
  const f = session.formatter();
  const rbd = await session.pool(pool, namespace);
  const what = 'rbd: trash list';
  const all = await attempt(what, () => rbd.trash.list());
  const entries = session.args.flag('all') ? all : all.filter(isUsers);
  if (session.args.flag('long')) {
    await attempt(what, () => longList(session, rbd, entries));
    return;
  }
  if (f === undefined) {
    print(entries.map(({ id, name }) => `${id} ${name}\n`).join(''));
    return;
  }
  f.array('trash', () => {
    for (const { id, name } of entries)
      f.object('image', () => {
        f.value('id', id);
        f.value('name', name);
      });
  });
  print(f.toString());
}
