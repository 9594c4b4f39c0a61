import { TextTable } from '../../base/text-table.ts';
import {
  type ConfigEntry,
  getImageConfig,
  getPoolConfig,
  listImageConfig,
  listPoolConfig,
  removeImageConfig,
  removePoolConfig,
  setImageConfig,
  setPoolConfig,
} from '../../ceph/rbd/operations/config.ts';
import { attempt, errnoOf, reason, ToolError, usageError } from './errors.ts';
import type { Formatter } from './formatter.ts';
import { print, type Session } from './session.ts';

/** The next word, an option of rbd. */
async function keyOf(session: Session): Promise<string> {
  const key = session.specs.word();
  if (key === '') throw usageError('config key was not specified');
  if (!key.startsWith('rbd_')) throw usageError(`not rbd option: ${key}`);
  if (!(await session.context()).config.has(key)) throw usageError(`invalid config key: ${key}`);
  return key;
}

async function getting(key: string, work: () => Promise<string>): Promise<void> {
  try {
    print(`${await work()}\n`);
  } catch (error) {
    const errno = errnoOf(error);
    const text = errno === 2 ? `rbd: ${key} is not set` : `rbd: failed to get ${key}: ${reason(error)}`;
    throw new ToolError(text, errno);
  }
}

const COLUMNS = { source: 'Source', section: 'Section' } as const;

/** `third`: what the last column is. */
function show(
  f: Formatter | undefined,
  rows: readonly { readonly name: string; readonly value: string; readonly from: string }[],
  third: keyof typeof COLUMNS,
): void {
  if (f !== undefined) {
    f.array('config', () => {
      for (const { name, value, from } of rows)
        f.object('option', () => {
          f.value('name', name);
          f.value('value', value);
          f.value(third, from);
        });
    });
    print(f.toString());
    return;
  }
  const table = new TextTable().column('Name').column('Value').column(COLUMNS[third]);
  for (const { name, value, from } of rows) table.row(name, value, from);
  print(table.toString());
}

const rowsOf = (entries: readonly ConfigEntry[]) =>
  entries.map(({ name, value, source }) => ({ name, value, from: source }));

// Of a pool.

function poolName(session: Session): string {
  const name = session.specs.word();
  if (name === '') throw usageError('pool name was not specified');
  return name;
}

export async function poolGet(session: Session): Promise<void> {
  const pool = poolName(session);
  const key = await keyOf(session);
  const rbd = await session.pool(pool);
  await getting(key, () => getPoolConfig(rbd.io, key));
}

export async function poolSet(session: Session): Promise<void> {
  const pool = poolName(session);
  const key = await keyOf(session);
  const value = session.specs.word();
  if (value === '') throw usageError('pool config value was not specified');
  const rbd = await session.pool(pool);
  await attempt(`rbd: failed to set ${key}`, () => setPoolConfig(rbd.cluster, rbd.io, key, value));
}

export async function poolRemove(session: Session): Promise<void> {
  const pool = poolName(session);
  const key = await keyOf(session);
  const rbd = await session.pool(pool);
  await attempt(`rbd: failed to remove ${key}`, () => removePoolConfig(rbd.cluster, rbd.io, key));
}

export async function poolList(session: Session): Promise<void> {
  const pool = poolName(session);
  const f = session.formatter();
  const rbd = await session.pool(pool);
  const entries = await attempt('rbd: failed to list config', () => listPoolConfig(rbd.cluster, rbd.io));
  show(f, rowsOf(entries), 'source');
}

// Of an image.

export async function imageGet(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const key = await keyOf(session);
  const image = await session.image(spec, { readOnly: true });
  await getting(key, () => getImageConfig(image.ctx, key));
}

export async function imageSet(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const key = await keyOf(session);
  const value = session.specs.word();
  if (value === '') throw usageError('image config value was not specified');
  const image = await session.image(spec);
  await attempt(`rbd: failed to set ${key}`, () => setImageConfig(image.ctx, key, value));
}

export async function imageRemove(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const key = await keyOf(session);
  const image = await session.image(spec);
  await attempt(`rbd: failed to remove ${key}`, () => removeImageConfig(image.ctx, key));
}

export async function imageList(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const f = session.formatter();
  const image = await session.image(spec, { readOnly: true });
  const entries = await attempt('rbd: failed to list config', () => listImageConfig(image.ctx));
  if (f === undefined) {
    const one = entries.length === 1;
    print(`There ${one ? 'is' : 'are'} ${entries.length} ${one ? 'value' : 'values'}:\n`);
  }
  show(f, rowsOf(entries), 'source');
}

// Of the monitors.

function entityOf(session: Session): string {
  const entity = session.specs.word();
  if (entity !== 'global' && entity !== 'client' && !entity.startsWith('client.'))
    throw usageError(`invalid config entity: ${entity} (must be global, client or client.<id>)`);
  return entity;
}

interface Setting {
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

/** What the monitors have set for an entity, its own before a wider section's, by name. */
async function settingsOf(session: Session, entity: string): Promise<Map<string, Setting>> {
  const cluster = await session.cluster();
  const output = await attempt('rbd: error reading config', () =>
    cluster.monCommand({ prefix: 'config dump', format: 'json' }),
  );
  const sections =
    entity === 'global'
      ? ['global']
      : entity === 'client'
        ? ['global', 'client']
        : ['global', 'client', entity];
  const all = output.json<Setting[]>();
  const found = new Map<string, Setting>();
  for (const section of sections)
    for (const setting of all)
      if (setting.section === section && setting.name.startsWith('rbd_')) found.set(setting.name, setting);
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export async function globalGet(session: Session): Promise<void> {
  const entity = entityOf(session);
  const key = await keyOf(session);
  const setting = (await settingsOf(session, entity)).get(key);
  if (setting?.section !== entity) throw new ToolError(`rbd: ${key} is not set`, 2);
  print(`${setting.value}\n`);
}

export async function globalSet(session: Session): Promise<void> {
  const entity = entityOf(session);
  const key = await keyOf(session);
  const value = session.specs.word();
  if (value === '') throw usageError('global config value was not specified');
  const cluster = await session.cluster();
  await attempt(`rbd: error setting ${key}`, () =>
    cluster.monCommand({ prefix: 'config set', who: entity, name: key, value }),
  );
}

export async function globalRemove(session: Session): Promise<void> {
  const entity = entityOf(session);
  const key = await keyOf(session);
  const cluster = await session.cluster();
  await attempt(`rbd: error removing ${key}`, () =>
    cluster.monCommand({ prefix: 'config rm', who: entity, name: key }),
  );
}

export async function globalList(session: Session): Promise<void> {
  const entity = entityOf(session);
  const f = session.formatter();
  const settings = await settingsOf(session, entity);
  if (settings.size === 0 && f === undefined) return;
  show(
    f,
    [...settings.values()].map(({ name, value, section }) => ({ name, value, from: section })),
    'section',
  );
}
