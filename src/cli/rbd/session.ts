import type { OwnedContext } from '../../base/context.ts';
import { NacreError } from '../../base/errors.ts';
import { OPERATION_FULL_TRY, Rados } from '../../ceph/rados/index.ts';
import { type Image, type OpenOptions, Rbd } from '../../ceph/rbd/index.ts';
import { openContext } from '../shared/context.ts';
import type { ParsedArgs } from './args.ts';
import { attempt, errnoOf, reason, ToolError, usageError } from './errors.ts';
import { Formatter } from './formatter.ts';
import { ProgressBar } from './progress.ts';
import { type ImageSpec, SpecReader } from './spec.ts';

/** What runs a verb. What it has to print of errors it throws as a ToolError. */
export type Handler = (session: Session) => Promise<void>;

export function print(text: string): void {
  process.stdout.write(text);
}

export interface ImageOpening {
  readonly readOnly?: boolean;
  /** Open by this id rather than by the name. */
  readonly id?: string;
  readonly cache?: boolean;
}

/** One call of a verb: its arguments, and the cluster, pools and images that it opens, which close with it. */
export class Session implements AsyncDisposable {
  readonly args: ParsedArgs;
  readonly specs: SpecReader;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  private readonly aborter = new AbortController();
  private readonly config: readonly string[];
  private readonly images: Image[] = [];
  private readonly bars: ProgressBar[] = [];
  private opened: OwnedContext | undefined;
  private connected: Rados | undefined;
  /** OPERATION_* of everything that is done to images. */
  private flags = 0;

  constructor(config: readonly string[], args: ParsedArgs) {
    this.config = config;
    this.args = args;
    this.specs = new SpecReader(args);
    this.signal = this.aborter.signal;
  }

  /** What to print in: undefined for plain text. EINVAL for --pretty-format without a format that has it. */
  formatter(): Formatter | undefined {
    const format = this.args.text('format') ?? 'plain';
    const pretty = this.args.flag('pretty-format');
    if (format === 'json' || format === 'xml') return new Formatter(format, pretty);
    if (pretty) throw usageError('--pretty-format only works when --format is json or xml');
    return undefined;
  }

  /** A bar on standard error; silent with --no-progress. */
  progress(operation: string, quiet = this.args.flag('no-progress')): ProgressBar {
    const bar = new ProgressBar(operation, quiet);
    this.bars.push(bar);
    return bar;
  }

  async context(): Promise<OwnedContext> {
    if (this.opened === undefined) {
      this.opened = await openContext({ args: this.config });
      // No guest is behind this tool that could fail to flush: data is held back from the first write on.
      this.opened.config.set('rbd_cache_writethrough_until_flush', false);
    }
    return this.opened;
  }

  async cluster(): Promise<Rados> {
    if (this.connected === undefined) {
      const context = await this.context();
      try {
        this.connected = await Rados.connect({ context, signal: this.signal });
      } catch (error) {
        const why = error instanceof NacreError && error.message !== '' ? ` (${error.message})` : '';
        throw new ToolError(`rbd: couldn't connect to the cluster!${why}`, errnoOf(error));
      }
    }
    return this.connected;
  }

  /** Images are opened without a cache from now on: nothing is read twice. */
  async withoutCache(): Promise<void> {
    (await this.context()).config.set('rbd_cache', false);
  }

  /** What frees space must not wait for space. */
  evenWhenFull(): void {
    this.flags = OPERATION_FULL_TRY;
  }

  private async imagesOf(cluster: Rados, pool: string, namespace = ''): Promise<Rbd> {
    return new Rbd(cluster, await cluster.openPool(pool, { namespace, flags: this.flags }));
  }

  /** The images of a pool (the default pool for '') and a namespace, which must exist. */
  async pool(name: string, namespace = ''): Promise<Rbd> {
    const cluster = await this.cluster();
    const standard = cluster.context.config.get('rbd_default_pool');
    const pool = name === '' ? standard : name;
    let rbd: Rbd;
    try {
      rbd = await this.imagesOf(cluster, pool);
    } catch (error) {
      const errno = errnoOf(error);
      throw new ToolError(
        errno === 2 && pool === standard
          ? `rbd: error opening default pool '${pool}'\n` +
              'Ensure that the default pool has been created or specify an alternate pool name.'
          : `rbd: error opening pool '${pool}': ${reason(error)}`,
        errno,
      );
    }
    if (namespace === '') return rbd;
    const exists = await attempt('rbd: error asserting namespace', () => rbd.namespaces.exists(namespace));
    if (!exists) throw new ToolError(`rbd: namespace '${namespace}' does not exist.`, 2);
    return this.imagesOf(cluster, pool, namespace);
  }

  /** Opens an image that closes with the session, at the snapshot that the spec names. */
  async image(spec: ImageSpec, opening: ImageOpening = {}): Promise<Image> {
    const rbd = await this.pool(spec.pool, spec.namespace);
    return this.imageOf(rbd, spec, opening);
  }

  async imageOf(rbd: Rbd, spec: ImageSpec, { id = '', readOnly, cache }: ImageOpening = {}): Promise<Image> {
    const open = (snapshot?: string): Promise<Image> => {
      const options: OpenOptions = { snapshot, readOnly, cache, signal: this.signal };
      return id === '' ? rbd.open(spec.image, options) : rbd.openById(id, options);
    };
    const what = id === '' ? `image ${spec.image}` : `image with id ${id}`;
    try {
      return this.keep(await open(spec.snap === '' ? undefined : spec.snap));
    } catch (error) {
      const failure = new ToolError(`rbd: error opening ${what}: ${reason(error)}`, errnoOf(error));
      if (spec.snap === '' || failure.exitCode !== 2) throw failure;
      // Either of the two is not there.
      await using _head = await attempt(`rbd: error opening ${what}`, () => open());
      throw new ToolError(`error setting snapshot context: ${reason(error)}`, failure.exitCode);
    }
  }

  private keep(image: Image): Image {
    this.images.push(image);
    return image;
  }

  /** Stops what is under way, for Ctrl-C: bars end their line, images and the cluster are closed by `close`. */
  interrupt(): void {
    for (const bar of this.bars) bar.silence();
    this.aborter.abort(new NacreError('ECANCELED', 'rbd', 'interrupted'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { connected, opened } = this;
    this.connected = undefined;
    this.opened = undefined;
    for (const image of this.images.splice(0).reverse()) await image.close();
    await connected?.close();
    await opened?.close();
  }
}
