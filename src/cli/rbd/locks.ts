import { TextTable } from '../../base/text-table.ts';
import { attempt, errnoOf, reason, ToolError, usageError } from './errors.ts';
import { print, type Session } from './session.ts';

export async function lockList(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const f = session.formatter();
  const image = await session.image(spec, { readOnly: true });
  const { lockers, exclusive, tag } = await attempt('rbd: listing locks failed', () => image.locks.list());
  if (f !== undefined) {
    f.array('locks', () => {
      for (const { cookie, client, address } of lockers)
        f.object('lock', () => {
          f.value('id', cookie);
          f.value('locker', client);
          f.value('address', address);
        });
    });
    print(f.toString());
    return;
  }
  if (lockers.length === 0) return;
  const one = lockers.length === 1;
  print(
    `There ${one ? 'is' : 'are'} ${lockers.length} ${exclusive ? 'exclusive' : 'shared'} ` +
      `lock${one ? '' : 's'} on this image.\n`,
  );
  if (!exclusive) print(`Lock tag: ${tag}\n`);
  const table = new TextTable().column('Locker').column('ID').column('Address');
  for (const { cookie, client, address } of lockers) table.row(client, cookie, address);
  print(table.toString());
}

function lockId(session: Session): string {
  const id = session.specs.word();
  if (id === '') throw usageError('lock id was not specified');
  return id;
}

export async function lockAdd(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const id = lockId(session);
  const tag = session.args.text('shared') ?? '';
  const image = await session.image(spec);
  try {
    if (tag === '') await image.locks.addExclusive(id);
    else await image.locks.addShared(id, tag);
  } catch (error) {
    const errno = errnoOf(error);
    const held = `rbd: lock is already held by someone else${tag === '' ? '' : ' with a different tag'}`;
    const isHeld = errno === 16 || errno === 17;
    throw new ToolError(isHeld ? held : `rbd: taking lock failed: ${reason(error)}`, errno);
  }
}

export async function lockRemove(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const id = lockId(session);
  const client = session.specs.word();
  if (client === '') throw usageError('locker was not specified');
  const image = await session.image(spec);
  await attempt('rbd: releasing lock failed', () => image.locks.break(client, id));
}
