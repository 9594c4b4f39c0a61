import { NacreError } from '../../base/errors.ts';
import type { CreateOptions } from '../../ceph/rbd/index.ts';
import type { ParsedArgs } from './args.ts';
import { ToolError, usageError } from './errors.ts';

/** Features that only one client at a time can keep up: what --image-shared turns off. */
const SINGLE_CLIENT = (1n << 2n) | (1n << 3n) | (1n << 4n) | (1n << 6n);

const UNSUPPORTED: readonly (readonly [option: string, what: string])[] = [
  ['mirror-image-mode', 'mirroring'],
  ['journal-splay-width', 'journaling'],
  ['journal-object-size', 'journaling'],
  ['journal-pool', 'journaling'],
];

/** ENOTSUP when options of what we do not have are given. */
export function refuseUnsupported(args: ParsedArgs, verb: string): void {
  for (const [option, what] of UNSUPPORTED)
    if (args.has(option)) throw new NacreError('ENOTSUP', `rbd ${verb} --${option}`, what);
}

function formatOf(args: ParsedArgs, features: bigint | undefined, striped: boolean): 1 | 2 | undefined {
  let format = args.number('image-format') as 1 | 2 | undefined;
  if (args.flag('new-format')) format = 2;
  if (format === 1) process.stderr.write('rbd: image format 1 is deprecated\n');
  const needing: readonly (readonly [string, boolean])[] = [
    ['features', features !== undefined && features !== 0n],
    ['non-default striping', striped],
    ['data pool', args.has('data-pool')],
  ];
  for (const [what, needed] of needing) {
    if (!needed) continue;
    if (format === 1) throw usageError(`${what} not allowed with format 1; use --image-format 2`);
    format = 2;
  }
  return format;
}

/** How an image is to be made, from the options of CREATE. `withFormat`: --image-format is among them. */
export function createOptions(args: ParsedArgs, verb: string, withFormat: boolean): CreateOptions {
  refuseUnsupported(args, verb);
  const objectSize = args.number('object-size');
  const order =
    args.number('order') ?? (objectSize === undefined ? undefined : Math.round(Math.log2(objectSize)));
  const features = args.bigint('image-feature');
  const shared = args.flag('image-shared');
  const stripeUnit = args.number('stripe-unit');
  const stripeCount = args.number('stripe-count');
  const striped =
    (stripeUnit !== undefined || stripeCount !== undefined) &&
    stripeUnit !== 2 ** (order ?? 0) &&
    stripeCount !== 1;
  const format = withFormat ? formatOf(args, features, striped) : undefined;
  const options: {
    -readonly [K in keyof CreateOptions]: CreateOptions[K];
  } = {};
  if (format !== undefined) options.format = format;
  if (order !== undefined) options.order = order;
  if (features !== undefined) options.features = shared ? features & ~SINGLE_CLIENT : features;
  else if (shared) options.featuresClear = SINGLE_CLIENT;
  if (stripeUnit !== undefined || stripeCount !== undefined) {
    options.stripeUnit = stripeUnit ?? 0;
    options.stripeCount = stripeCount ?? 0;
  }
  const dataPool = args.text('data-pool');
  if (dataPool !== undefined) options.dataPool = dataPool;
  return options;
}

/** The size that --size says, bytes. */
export function sizeOf(args: ParsedArgs): number {
  const size = args.number('size');
  if (size === undefined) throw new ToolError('rbd: must specify --size <M/G/T>', 22);
  return size;
}
