import { errnoName } from '../../src/base/errno.ts';
import type { FuseEntry, FuseOperations, FuseRequest } from '../../src/fuse/types.ts';
import {
  type Bridge,
  DEFAULT_MOUNT_OPTIONS,
  type FuseMountOptions,
  fuseBridge,
} from '../../src/gluster/xlators/mount/fuse/index.ts';
import type { GraphStack } from './graph-stack.ts';

export interface Found {
  readonly nodeid: number;
  readonly size: number;
  readonly nlink: number;
}

/** The kernel's side of a mount, without a kernel: requests go to the bridge of a graph, and what is answered comes back. */
export class KernelSide {
  readonly bridge: Bridge;
  /** Whose requests these are. */
  pid = 1;
  private readonly operations: FuseOperations;
  private unique = 0;

  constructor(stack: GraphStack, options: Partial<FuseMountOptions> = {}) {
    const made = fuseBridge(stack.env, stack.graph, { ...DEFAULT_MOUNT_OPTIONS, ...options });
    this.bridge = made.bridge;
    this.operations = made.operations;
  }

  private ask<T>(nodeid: number, begin: (ops: FuseOperations, request: FuseRequest) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const answers = {
        ok: () => resolve(undefined as T),
        error: (errno: number) => reject(new Error(errnoName(errno))),
        replyEntry: ({ nodeid, attr }: FuseEntry) =>
          resolve({ nodeid, size: attr.size, nlink: attr.nlink } as T),
        replyOpen: (fh: number) => resolve(fh as T),
        replyData: (data: Uint8Array | readonly Uint8Array[]) =>
          resolve(Buffer.concat(data instanceof Uint8Array ? [data] : data) as T),
        replyAttr: () => resolve(undefined as T),
      };
      const who = { nodeid, pid: this.pid, uid: 0, gid: 0, unique: ++this.unique };
      const rest = { ownerHigh: 0, ownerLow: 0, offsetHigh: 0, offsetLow: 0, span: undefined };
      begin(this.operations, { ...answers, ...who, ...rest } as unknown as FuseRequest);
    });
  }

  lookup(name: string, parent = 1): Promise<Found> {
    return this.ask(parent, (ops, request) => ops.lookup!(request, name));
  }

  forget({ nodeid }: Found): void {
    this.operations.forget!(nodeid, 1);
  }

  unlink(name: string, parent = 1): Promise<void> {
    return this.ask(parent, (ops, request) => ops.unlink!(request, name));
  }

  truncate({ nodeid }: Found, size: number): Promise<void> {
    const none = { atime: 0, atimeNsec: 0, mtime: 0, mtimeNsec: 0, ctime: 0, ctimeNsec: 0, mode: 0 };
    const FATTR_SIZE = 1 << 3;
    const changes = { valid: FATTR_SIZE, fh: undefined, size, uid: 0, gid: 0, ...none };
    return this.ask(nodeid, (ops, request) => ops.setattr!(request, changes));
  }

  /** Opens a file for reading, reads it and closes it. */
  async read({ nodeid }: Found): Promise<string> {
    const fh = await this.ask<number>(nodeid, (ops, request) => ops.open!(request, 0, 0));
    const data = await this.ask<Buffer>(nodeid, (ops, request) => ops.read!(request, fh, 0, 4096, 0));
    await this.ask(nodeid, (ops, request) => ops.release!(request, fh, 0, 0));
    return data.toString();
  }
}
