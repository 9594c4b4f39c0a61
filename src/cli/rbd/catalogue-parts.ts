import type { OptionKind, OptionSpec } from './args.ts';
import type { Handler } from './session.ts';

/** A word behind the verb: what stands in the synopsis, and what it means. */
export interface WordSpec {
  readonly name: string;
  readonly description: string;
  /** May be repeated. */
  readonly many?: boolean;
  readonly optional?: boolean;
}

export interface VerbSpec {
  /** 'snap create'. */
  readonly name: string;
  /** 'snap add'. */
  readonly alias: string | undefined;
  readonly description: string;
  readonly words: readonly WordSpec[];
  readonly options: readonly OptionSpec[];
  /** The legend of the features' marks follows the help. */
  readonly features: boolean;
  /** The module is loaded when the verb is called. */
  load(): Promise<Handler>;
}

type OptionExtras = Pick<OptionSpec, 'short' | 'required' | 'many' | 'old'>;

export function opt(
  name: string,
  kind: OptionKind,
  description: string,
  extras: OptionExtras = {},
): OptionSpec {
  return { name, kind, description, ...extras };
}

export const POOL: readonly OptionSpec[] = [
  opt('pool', 'text', 'pool', { short: 'p' }),
  opt('namespace', 'text', 'namespace'),
];
export const IMAGE: readonly OptionSpec[] = [...POOL, opt('image', 'text', 'image')];
export const SNAP: readonly OptionSpec[] = [opt('snap', 'text', 'snapshot')];
export const DEST: readonly OptionSpec[] = [
  opt('dest-pool', 'text', 'pool of the new one'),
  opt('dest-namespace', 'text', 'namespace of the new one'),
  opt('dest', 'text', 'name of the new one'),
];
export const FORMAT: readonly OptionSpec[] = [
  opt('format', 'format', 'plain, json or xml; plain'),
  opt('pretty-format', 'flag', 'json and xml with line ends'),
];
export const PROGRESS: OptionSpec = opt('no-progress', 'flag', 'show no progress');
/** How an image is made. */
export const CREATE: readonly OptionSpec[] = [
  opt('order', 'order', 'object size as a power of two, 12 to 25', { old: true }),
  opt('object-size', 'bytes', 'bytes an object (B/K/M), 4K to 32M'),
  opt(
    'image-feature',
    'features',
    'features, by comma: [layering(+), exclusive-lock(+*), object-map(+*), deep-flatten(+-), journaling(*)]',
    { many: true },
  ),
  opt('image-shared', 'flag', 'for several clients at once: no exclusive lock and what needs it'),
  opt('stripe-unit', 'bytes', 'bytes before the next object has its turn (B/K/M)'),
  opt('stripe-count', 'count', 'objects that take turns'),
  opt('data-pool', 'text', 'pool of the data'),
  opt('mirror-image-mode', 'text', 'not supported'),
  opt('journal-splay-width', 'count', 'not supported'),
  opt('journal-object-size', 'bytes', 'not supported'),
  opt('journal-pool', 'text', 'not supported'),
];

const SPEC = '[<pool-name>/[<namespace>/]]';

function word(name: string, what: string, example?: string): WordSpec {
  return { name, description: example === undefined ? what : `${what}\n(example: ${example})` };
}

/** Words by the names that verbs list them with. */
export const WORDS: Readonly<Record<string, WordSpec>> = {
  image: word('image-spec', 'image', `${SPEC}<image-name>`),
  snap: word('snap-spec', 'snapshot', `${SPEC}<image-name>@<snap-name>`),
  'image-or-snap': word('image-or-snap-spec', 'image or snapshot', `${SPEC}<image-name>[@<snap-name>]`),
  'source-image': word('source-image-spec', 'image', `${SPEC}<image-name>`),
  'source-snap': word('source-snap-spec', 'snapshot', `${SPEC}<image-name>@<snap-name>`),
  'source-image-or-snap': word(
    'source-image-or-snap-spec',
    'image or snapshot',
    `${SPEC}<image-name>[@<snap-name>]`,
  ),
  'dest-image': word('dest-image-spec', 'new image', `${SPEC}<image-name>`),
  'dest-snap': word('dest-snap-spec', 'new name', `${SPEC}<image-name>@<snap-name>`),
  'image-id': word('image-id', 'id of the image', `${SPEC}<image-id>`),
  pool: word('pool-spec', 'pool, or namespace in it', '<pool-name>[/<namespace>]'),
  'pool-name': word('pool-name', 'pool'),
  'config-entity': word('config-entity', 'global, client, or client.<id>'),
  key: word('key', 'key'),
  value: word('value', 'value'),
  features: {
    name: 'features',
    description: 'features\n[exclusive-lock, object-map, journaling]',
    many: true,
  },
  'lock-id': word('lock-id', 'name that tells the lock apart'),
  locker: word('locker', 'client that holds the lock'),
  'export-path': word('path-name', "file to write; '-' is standard output"),
  'import-path': word('path-name', "file to read; '-' is standard input"),
  'diff1-path': word('diff1-path', "first diff; '-' is standard input"),
  'diff2-path': word('diff2-path', 'second diff'),
  'merged-path': word('path-name', "file to write; '-' is standard output"),
};

/** A verb: 'name|alias', what it does, its words (names of WORDS), its options, its module. */
export function verb(
  names: string,
  description: string,
  words: string,
  options: readonly OptionSpec[],
  load: VerbSpec['load'],
): VerbSpec {
  const [name, alias] = names.split('|');
  const specs = words === '' ? [] : words.split(' ').map(each => WORDS[each]);
  return {
    name,
    alias,
    description,
    words: specs,
    options,
    features: options.some(each => each.name === 'image-feature'),
    load,
  };
}
