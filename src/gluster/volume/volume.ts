import type { Env } from '../../env/env.ts';
import { nodeEnv } from '../../env/node.ts';
import type { Graph } from '../graph/graph.ts';
import { Loc } from '../graph/loc.ts';
import { type GraphLog, SILENT_LOG } from '../graph/log.ts';
import type { XlatorClass } from '../graph/xlator.ts';
import type { Gfid } from '../types/gfid.ts';
import { xlatorRegistry } from '../xlators/index.ts';
import { GlusterdClient, type GlusterdClientOptions } from './glusterd-client.ts';
import { type FileLayout, readLayout } from './layout.ts';
import { firstLookup, mountVolume, type VolumeMount, type VolumeMountOptions } from './mount.ts';
import { type PathLike, toBytes } from './names.ts';
import { done, resolve } from './resolve.ts';
import { type Credentials, Session } from './session.ts';
import { parseVolumeSpec, type VolfileServer, volumeSpec } from './spec.ts';
import { fixedVolfile, type GraphUser, type VolfileSource, VolumeClient } from './volume-client.ts';
import { VolumeFs } from './volume-fs.ts';

export interface VolumeOptions extends Partial<Credentials> {
  /** More servers to ask for the volfile when the first does not answer. */
  readonly servers?: readonly VolfileServer[];
  /** The volfile itself, in place of one that a server hands out. */
  readonly volfile?: string;
  /** Where the volfile comes from, in place of servers. */
  readonly source?: VolfileSource;
  /** TLS to the servers; by default as the node's secure-access file says. */
  readonly tls?: GlusterdClientOptions['tls'];
  /** As `--xlator-option`: 'vg0-dht.min-free-disk' -> '20%'; '*' stands for any part of a layer's name. */
  readonly xlatorOptions?: Readonly<Record<string, string>>;
  /** A directory of the volume that becomes the root. */
  readonly subdirectory?: string;
  /** Layers' messages. */
  readonly log?: GraphLog;
  /** For how long to wait for the volume to come up, milliseconds. Default 60 s. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** Enforces POSIX ACLs on our side. */
  readonly acl?: boolean;
  /** Inodes that are kept while nobody uses them. */
  readonly lruLimit?: number;
  /** Types of layers of one's own, before those that come with Nacre. */
  readonly xlators?: Readonly<Record<string, XlatorClass>>;
  readonly env?: Env;
}

/**
 * A GlusterFS volume: its files with the methods of `node:fs/promises`, and what is particular to it. Close it, or declare it with
 * `await using`.
 */
export class Volume extends VolumeFs implements AsyncDisposable {
  readonly client: VolumeClient;
  private readonly env: Env;
  private readonly using: Disposable;
  private closing: Promise<void> | undefined;

  /**
   * Opens a volume: 'SERVER[,SERVER...]:/VOLUME' or 'gluster://SERVER/VOLUME'; with `volfile`, `spec` is only a name. ENOTCONN when no
   * server or not enough bricks can be reached, EACCES when they refuse us, ENOENT when there is no such volume.
   */
  static async open(spec: string, options: VolumeOptions = {}): Promise<Volume> {
    const env = options.env ?? nodeEnv;
    const source = volfileSource(env, spec, options);
    const {
      acl,
      xlatorOptions,
      subdirectory,
      log = SILENT_LOG,
      timeout,
      signal,
      lruLimit,
      xlators: own = {},
    } = options;
    const client = await VolumeClient.open({
      env,
      source,
      registry: type => (Object.hasOwn(own, type) ? own[type] : xlatorRegistry(type)),
      acl,
      xlatorOptions:
        subdirectory === undefined
          ? xlatorOptions
          : { ...xlatorOptions, '*-client-*.subdir-mount': subdirectory },
      log,
      timeout,
      signal,
      lruLimit,
    });
    try {
      await firstLookup(client.graph);
      return new Volume(env, client, options);
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  private constructor(env: Env, client: VolumeClient, options: VolumeOptions) {
    const { uid = process.getuid?.() ?? 0, gid = process.getgid?.() ?? 0 } = options;
    const groups = options.groups ?? (uid === process.getuid?.() ? (process.getgroups?.() ?? []) : []);
    const credentials = { uid, gid, groups, umask: options.umask ?? 0o022 };
    super(new Session(env, client.graph.volumeName, client.graph, credentials));
    this.env = env;
    this.client = client;
    const user: GraphUser = {
      switchGraph: (from, to) => this.switchGraph(from, to),
      notify: (event, data) => {
        const gfid = event === 'UPCALL' ? (data as { gfid?: Gfid } | undefined)?.gfid : undefined;
        if (gfid !== undefined) for (const listener of this.session.upcalls) listener(gfid);
      },
    };
    this.using = client.use(user);
  }

  get name(): string {
    return this.client.graph.volumeName;
  }

  /** The same volume as somebody else: bricks check permissions by these. Shares the connections; close only the first. */
  as(credentials: Partial<Credentials>): VolumeFs {
    return new VolumeFs(this.session.as(credentials));
  }

  /** Mounts it; the mount ends before the volume is closed. */
  mount(mountpoint: string, options?: VolumeMountOptions): Promise<VolumeMount> {
    return mountVolume(this.env, this.client, mountpoint, options);
  }

  /** Which subvolumes of a distributed volume have what of a directory, or where a file lies. */
  layout(path: PathLike): Promise<FileLayout> {
    const bytes = toBytes(path);
    return this.session.run('layout', bytes, undefined, async frame => {
      const found = await resolve(this.session, frame, bytes, false);
      const { loc, stat } = found;
      const { parent } = loc;
      const { graph } = this.client;
      try {
        if (stat.isDirectory || parent === undefined) return await readLayout(graph, frame, loc);
        return await readLayout(graph, frame, new Loc(parent, undefined, '', graph.inodes.path(parent)), loc);
      } finally {
        done(found);
      }
    });
  }

  /** All state of the layers as text, as GlusterFS's state dumps have it. */
  statedump(): string {
    return this.client.graph.statedump();
  }

  /** Finishes what was written, and disconnects. Handles that are still open fail from now on. Idempotent. */
  close(): Promise<void> {
    return (this.closing ??= (async () => {
      await this.session.closeFiles();
      this.using[Symbol.dispose]();
      await this.client.close();
    })());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async switchGraph(_from: Graph, to: Graph): Promise<void> {
    await firstLookup(to);
    await this.session.switchTo(to);
  }
}

function volfileSource(env: Env, spec: string, options: VolumeOptions): VolfileSource {
  if (options.source !== undefined) return options.source;
  if (options.volfile !== undefined) return fixedVolfile(options.volfile);
  // With servers of its own, a spec may be just a volume's name.
  const parsed = parseVolumeSpec(spec);
  const { servers, volume } =
    parsed === undefined && options.servers !== undefined ? { servers: [], volume: spec } : volumeSpec(spec);
  const { log, tls } = options;
  return new GlusterdClient(env, [...servers, ...(options.servers ?? [])], volume, {
    ...(log !== undefined && { log }),
    ...(tls !== undefined && { tls }),
  });
}
