import { NacreError } from '../../base/errors.ts';
import type { Env } from '../../env/env.ts';
import type { GraphEvent } from '../graph/events.ts';
import { Graph, type GraphSetup, type XlatorRegistry } from '../graph/graph.ts';
import { type GraphLog, type GraphLogLevel, SILENT_LOG } from '../graph/log.ts';

/** Where a volume's volfile comes from. */
export interface VolfileSource extends AsyncDisposable {
  fetch(signal?: AbortSignal): Promise<string>;
  /** Calls back when there is another volfile than the one that was fetched last. */
  onChange(listener: () => void): void;
  close(): Promise<void>;
}

/** A volfile that is there already, and does not change. */
export function fixedVolfile(text: string): VolfileSource {
  const close = async () => {};
  return { fetch: async () => text, onChange() {}, close, [Symbol.asyncDispose]: close };
}

export interface VolumeClientOptions extends Omit<GraphSetup, 'env'> {
  readonly env: Env;
  readonly source: VolfileSource;
  readonly registry: XlatorRegistry;
  /** For how long to wait for the volfile, and then for the volume to come up, milliseconds. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/** Who uses a volume's graph, and has open files in it. */
export interface GraphUser {
  /**
   * Carries what it has in `from` over to `to`, which is up, and goes on with it. The old graph is closed when all users have
   * done so.
   */
  switchGraph(from: Graph, to: Graph): Promise<void>;
  notify?(event: GraphEvent, data?: unknown): void;
}

const READY_TIMEOUT = 60_000;

/**
 * A volume's graph through time: made of the volfile that a server hands out, reconfigured in place or replaced when that changes, without
 * its users' noticing.
 */
export class VolumeClient implements AsyncDisposable {
  private current: Graph;
  private readonly options: VolumeClientOptions;
  private readonly users = new Set<GraphUser>();
  private changes: Promise<void> = Promise.resolve();
  private changePending = false;
  private closing: Promise<void> | undefined;

  /** Fetches the volfile, makes the graph and waits until the volume is up. */
  static async open(options: VolumeClientOptions): Promise<VolumeClient> {
    const { source } = options;
    try {
      const graph = await raise(options, await fetchInTime(options));
      return new VolumeClient(options, graph);
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  private constructor(options: VolumeClientOptions, graph: Graph) {
    this.options = options;
    this.current = graph;
    this.listen(graph);
    options.source.onChange(() => this.volfileChanged());
  }

  get graph(): Graph {
    return this.current;
  }

  private get log(): GraphLog {
    return this.options.log ?? SILENT_LOG;
  }

  /** `user` hears of events and switches until disposed. */
  use(user: GraphUser): Disposable {
    this.users.add(user);
    return { [Symbol.dispose]: () => void this.users.delete(user) };
  }

  /** Resolves when changes of the volfile that are known have been taken in. */
  async settled(): Promise<void> {
    await this.changes;
  }

  /** Closes the graph and the connection to the server. Idempotent. */
  close(): Promise<void> {
    return (this.closing ??= (async () => {
      await this.options.source.close();
      await this.changes;
      await this.current.close();
    })());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private listen(graph: Graph): void {
    graph.onEvent((event, _from, data) => {
      if (graph === this.current) for (const user of [...this.users]) user.notify?.(event, data);
    });
  }

  /** Several changes in a row are one: what counts is the last volfile. */
  private volfileChanged(): void {
    if (this.changePending || this.closing !== undefined) return;
    this.changePending = true;
    this.changes = this.changes.then(async () => {
      this.changePending = false;
      if (this.closing !== undefined) return;
      try {
        await this.takeIn();
      } catch (error) {
        // The graph that there is goes on, as Gluster's does.
        this.log.log(
          'E',
          this.current.volumeName,
          `the new volfile is not used: ${(error as Error).message}`,
        );
      }
    });
  }

  private async takeIn(): Promise<void> {
    const { source } = this.options;
    const volfile = await source.fetch();
    const { current } = this;
    const result = current.reconfigure(volfile);
    this.log.log('I', current.volumeName, `volfile changed: ${result}`);
    if (result !== 'switch') return;
    const next = await raise(this.options, volfile);
    if (this.closing !== undefined) {
      await next.close();
      return;
    }
    this.listen(next);
    await Promise.all([...this.users].map(user => user.switchGraph(current, next)));
    this.current = next;
    await current.close();
  }
}

/** Fetches the volfile within the time that there is for all. */
async function fetchInTime({
  env,
  source,
  signal,
  timeout = READY_TIMEOUT,
}: VolumeClientOptions): Promise<string> {
  const limit = new AbortController();
  const aborted = () => limit.abort(signal!.reason);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', aborted, { once: true });
  const timer = env.timers.set(() => {
    const message = `no server handed out a volfile within ${timeout} ms`;
    limit.abort(new NacreError('ETIMEDOUT', 'gluster.volfile', message));
  }, timeout);
  try {
    return await source.fetch(limit.signal);
  } finally {
    env.timers.clear(timer);
    signal?.removeEventListener('abort', aborted);
  }
}

/** Keeps what layers complain of while a graph comes up, to tell it when it does not. */
class Complaints implements GraphLog {
  private readonly inner: GraphLog;
  private heard: Set<string> | undefined = new Set();

  constructor(log: GraphLog) {
    this.inner = log;
  }

  gathers(level: GraphLogLevel): boolean {
    return this.inner.gathers(level) || (this.heard !== undefined && (level === 'E' || level === 'W'));
  }

  log(level: GraphLogLevel, where: string, message: string): void {
    if (level === 'E' || level === 'W') this.heard?.add(message);
    if (this.inner.gathers(level)) this.inner.log(level, where, message);
  }

  /** The first few, and from now on none. */
  end(): string {
    const all = [...(this.heard ?? [])];
    this.heard = undefined;
    return all.length === 0 ? '' : ` (${all.slice(0, 3).join('; ')})`;
  }
}

/** A graph that is up. */
async function raise(options: VolumeClientOptions, volfile: string): Promise<Graph> {
  const complaints = new Complaints(options.log ?? SILENT_LOG);
  const graph = Graph.build(volfile, options.registry, { ...options, log: complaints });
  try {
    graph.activate();
    await graph.ready({ timeout: options.timeout ?? READY_TIMEOUT, signal: options.signal });
    complaints.end();
    return graph;
  } catch (error) {
    const why = complaints.end();
    await graph.close();
    throw error instanceof NacreError
      ? new NacreError(
          error.code,
          'gluster.open',
          `volume '${graph.volumeName}' did not come up: ${error.message}${why}`,
          {
            cause: error,
          },
        )
      : error;
  }
}
