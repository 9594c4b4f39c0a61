import { formatBytes } from '../../base/units.ts';
import type { Image, ImageInfo } from '../../ceph/rbd/index.ts';
import { featureNames } from './args.ts';
import { attempt, usageError } from './errors.ts';
import type { Formatter } from './formatter.ts';
import { print, type Session } from './session.ts';
import type { ImageSpec } from './spec.ts';
import { ctime } from './times.ts';

const OP_FEATURES = ['clone-parent', 'clone-child', 'group', 'snap-trash'];
const FLAGS = ['object map invalid', 'fast diff invalid'];
const RBD_FEATURE_STRIPINGV2 = 1n << 1n;

function bitNames(names: readonly string[], mask: bigint): string[] {
  return names.filter((_, bit) => (mask & (1n << BigInt(bit))) !== 0n);
}

/** What `info` shows of an image. */
interface Facts {
  readonly info: ImageInfo;
  readonly dataPool: string | undefined;
  /** Undefined for no limit. */
  readonly snapLimit: number | undefined;
  /** Undefined when it is no snapshot that is looked at. */
  readonly isProtected: boolean | undefined;
}

async function factsOf(image: Image, spec: ImageSpec): Promise<Facts> {
  const info = await image.info();
  const { map } = image.ctx.cluster;
  const headerPool = image.ctx.header.pool;
  const limit = await image.snapshots.getLimit();
  return {
    info,
    dataPool:
      info.format === 2 && info.dataPoolId !== headerPool
        ? (map.poolNames.get(info.dataPoolId) ?? `<missing data pool ${info.dataPoolId}>`)
        : undefined,
    snapLimit: limit >= Number.MAX_SAFE_INTEGER ? undefined : limit,
    isProtected: spec.snap === '' ? undefined : await image.snapshots.isProtected(spec.snap),
  };
}

const times = (info: ImageInfo): [string, string][] =>
  [
    ['create_timestamp', info.created] as const,
    ['access_timestamp', info.accessed] as const,
    ['modify_timestamp', info.modified] as const,
  ].flatMap(([name, at]) => (at === undefined || at.getTime() === 0 ? [] : [[name, ctime(at.getTime())]]));

function format(f: Formatter, { info, dataPool, snapLimit, isProtected }: Facts, spec: ImageSpec): void {
  f.object('image', () => {
    if (spec.image !== '') f.value('name', spec.image);
    f.value('id', info.id);
    f.value('size', info.size);
    f.value('objects', info.objectCount);
    f.value('order', info.order);
    f.value('object_size', info.objectSize);
    if (dataPool !== undefined) f.value('data_pool', dataPool);
    f.value('snapshot_count', info.snapshotCount);
    f.value('block_name_prefix', info.objectPrefix);
    f.value('format', info.format);
    if (info.format === 2)
      for (const [name, values] of [
        ['feature', featureNames(info.features)],
        ['op_feature', bitNames(OP_FEATURES, info.opFeatures)],
        ['flag', bitNames(FLAGS, info.flags)],
      ] as const)
        f.array(`${name}s`, () => {
          for (const value of values) f.value(name, value);
        });
    for (const [name, time] of times(info)) f.value(name, time);
    if (isProtected !== undefined) f.value('protected', isProtected ? 'true' : 'false');
    if (snapLimit !== undefined) f.value('snapshot_limit', snapLimit);
    const { parent } = info;
    if (parent !== undefined)
      f.object('parent', () => {
        f.value('pool', parent.poolName);
        f.value('pool_namespace', parent.namespace);
        f.value('image', parent.imageName);
        f.value('id', parent.imageId);
        f.value('snapshot', parent.snapName);
        f.value('trash', parent.trash);
        f.value('overlap', parent.overlap);
      });
    if ((info.features & RBD_FEATURE_STRIPINGV2) !== 0n) {
      f.value('stripe_unit', info.stripeUnit);
      f.value('stripe_count', info.stripeCount);
    }
  });
}

function plain({ info, dataPool, snapLimit, isProtected }: Facts, spec: ImageSpec): string {
  const lines = [
    `rbd image '${spec.image === '' ? info.id : spec.image}':`,
    `size ${formatBytes(info.size)} in ${info.objectCount} objects`,
    `order ${info.order} (${formatBytes(info.objectSize)} objects)`,
    `snapshot_count: ${info.snapshotCount}`,
  ];
  if (info.id !== '') lines.push(`id: ${info.id}`);
  if (dataPool !== undefined) lines.push(`data_pool: ${dataPool}`);
  lines.push(`block_name_prefix: ${info.objectPrefix}`, `format: ${info.format}`);
  if (info.format === 2)
    lines.push(
      `features: ${featureNames(info.features).join(', ')}`,
      `op_features: ${bitNames(OP_FEATURES, info.opFeatures).join(', ')}`,
      `flags: ${bitNames(FLAGS, info.flags).join(', ')}`,
    );
  for (const [name, time] of times(info)) lines.push(`${name}: ${time}`);
  if (isProtected !== undefined) lines.push(`protected: ${isProtected ? 'True' : 'False'}`);
  if (snapLimit !== undefined) lines.push(`snapshot_limit: ${snapLimit}`);
  const { parent } = info;
  if (parent !== undefined) {
    const namespace = parent.namespace === '' ? '' : `${parent.namespace}/`;
    const trash = parent.trash ? ` (trash ${parent.imageId})` : '';
    lines.push(
      `parent: ${parent.poolName}/${namespace}${parent.imageName}@${parent.snapName}${trash}`,
      `overlap: ${formatBytes(parent.overlap)}`,
    );
  }
  if ((info.features & RBD_FEATURE_STRIPINGV2) !== 0n)
    lines.push(`stripe unit: ${formatBytes(info.stripeUnit)}`, `stripe count: ${info.stripeCount}`);
  return `${lines.join('\n\t')}\n`;
}

export async function info(session: Session): Promise<void> {
  const id = session.args.text('image-id') ?? '';
  const named = session.args.has('image') || session.args.words.length > 0;
  if (id !== '' && named) throw usageError('trying to access image using both name and id. ');
  const spec = session.specs.image({ snap: 'permitted', optional: id !== '' });
  const f = session.formatter();
  const image = await session.image(spec, { id, readOnly: true });
  const facts = await attempt('rbd: info', () => factsOf(image, spec));
  if (f === undefined) print(plain(facts, spec));
  else {
    format(f, facts, spec);
    print(f.toString());
  }
}
