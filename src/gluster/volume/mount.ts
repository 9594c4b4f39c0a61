import type { Env } from '../../env/env.ts';
import { type FuseMount, type FuseMountOptions as KernelOptions, mount } from '../../fuse/index.ts';
import type { GraphEvent } from '../graph/events.ts';
import { CallRoot, Frame } from '../graph/frame.ts';
import type { Graph } from '../graph/graph.ts';
import type { Inode } from '../graph/inode.ts';
import { Loc } from '../graph/loc.ts';
import { IA_IFDIR } from '../types/iatt.ts';
import { nameText } from '../types/names.ts';
import {
  type Bridge,
  DEFAULT_MOUNT_OPTIONS,
  type FuseMountOptions,
  fuseBridge,
  initOptions,
} from '../xlators/mount/fuse/index.ts';
import { carryMount } from './mount-switch.ts';
import type { GraphUser, VolumeClient } from './volume-client.ts';

export interface VolumeMountOptions {
  /** Options of the mount as Gluster has them. */
  readonly fuse?: Partial<FuseMountOptions>;
  /** Options of mount(2) and the kernel's FUSE. */
  readonly kernel?: KernelOptions;
  /** Gets each request and answer as a line of text. */
  readonly dump?: (line: string) => void;
  /** Told what goes wrong inside. */
  readonly onError?: (error: unknown) => void;
}

/** A volume that is mounted. */
export class VolumeMount implements AsyncDisposable, GraphUser {
  readonly client: VolumeClient;
  readonly bridge: Bridge;
  readonly fuse: FuseMount;
  private readonly using: Disposable;

  constructor(client: VolumeClient, bridge: Bridge, fuse: FuseMount) {
    this.client = client;
    this.bridge = bridge;
    this.fuse = fuse;
    this.using = client.use(this);
    bridge.invalidate = inode => this.invalidate(inode);
    this.adopt(client.graph);
    void this.closed.then(() => this.using[Symbol.dispose]());
  }

  get path(): string {
    return this.fuse.path;
  }

  /** Resolves when it is unmounted, by us or by anybody. */
  get closed(): Promise<void> {
    return this.fuse.closed;
  }

  /** EBUSY while files are open; with `lazy` the name goes at once. The volume's client stays open. */
  unmount(options?: { lazy?: boolean }): Promise<void> {
    return this.fuse.unmount(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.fuse[Symbol.asyncDispose]();
  }

  async switchGraph(from: Graph, to: Graph): Promise<void> {
    await firstLookup(to);
    this.adopt(to);
    await carryMount(this.bridge.env, this.bridge, this.fuse.session, from, to);
  }

  notify(event: GraphEvent, data?: unknown): void {
    // Another client changed something: what the kernel cached of it goes.
    if (event !== 'UPCALL') return;
    const gfid = (data as { gfid?: string } | undefined)?.gfid;
    const inode = gfid === undefined ? undefined : this.bridge.graph.inodes.find(gfid as never);
    if (inode !== undefined) this.invalidate(inode);
  }

  /**
   * Sets up what a mount does with the graph in use besides answering: to look names up ahead, and, when there are too many inodes, to have
   * the kernel forget what was not used for longest.
   */
  private adopt({ inodes, xlators }: Graph): void {
    const { ahead, options, nodes } = this.bridge;
    ahead.clear();
    ahead.most = xlators.some(({ type }) => type === 'performance/md-cache') ? options.lookupAhead : 0;
    ahead.contents = xlators.some(({ type }) => type === 'performance/quick-read');
    inodes.lruLimit = options.lruLimit;
    inodes.invalidator = inode => {
      // A directory may be somebody's working directory, which would lose its name; there are few of them.
      if (inode.type === IA_IFDIR) return;
      const parent = inodes.parentOf(inode);
      const id = parent === undefined ? undefined : nodes.idOf(parent);
      if (id !== undefined) this.fuse.notify.invalEntry(id, nameText(inodes.nameOf(inode))).catch(() => {});
    };
  }

  private invalidate(inode: Inode): void {
    const id = this.bridge.nodes.idOf(inode);
    if (id !== undefined) this.fuse.notify.invalInode(id).catch(() => {});
  }
}

/**
 * Mounts a volume at a directory. As root with mount(2), as a user with fusermount3. Fails with what the first lookup of the volume's root
 * fails with, or what the kernel says.
 */
export async function mountVolume(
  env: Env,
  client: VolumeClient,
  mountpoint: string,
  options: VolumeMountOptions = {},
): Promise<VolumeMount> {
  const settings: FuseMountOptions = { ...DEFAULT_MOUNT_OPTIONS, ...options.fuse };
  await firstLookup(client.graph);
  const { bridge, operations } = fuseBridge(env, client.graph, settings);
  const fuse = await mount(mountpoint, operations, {
    fsname: client.graph.volumeName,
    subtype: 'nacre',
    allowOther: process.geteuid?.() === 0,
    // With ACLs the layers check permissions, as the kernel knows nothing of them.
    defaultPermissions: !settings.acl,
    maxRead: settings.maxWrite,
    // As large as a request may be: a file read in sequence then costs a call for each MiB, and not eight.
    readahead: settings.maxWrite,
    ...options.kernel,
    ...initOptions(settings),
    readOnly: settings.readOnly || options.kernel?.readOnly,
    dump: options.dump,
    onError: options.onError,
  });
  const mounted = new VolumeMount(client, bridge, fuse);
  // It may have been replaced while we mounted.
  if (client.graph !== bridge.graph) await mounted.switchGraph(bridge.graph as Graph, client.graph);
  return mounted;
}

/** The layers want to see the root before anything else (distribute reads its layout). */
export async function firstLookup(graph: Graph): Promise<void> {
  const root = new CallRoot('lookup', 0, 0);
  await graph.fops.lookup(new Frame(root), new Loc(graph.inodes.root, undefined, '', '/'));
}
