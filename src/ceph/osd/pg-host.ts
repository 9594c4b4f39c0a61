import type { Env } from '../../env/env.ts';
import type { Message } from '../messages/message.ts';
import type { MOSDOp } from '../messages/mosdop.ts';
import type { ObjectStore } from '../object-store/types.ts';
import type { OsdMap } from '../osdmap/osdmap.ts';
import type { PgMapping } from '../osdmap/placement.ts';
import type { HObject } from '../types/hobject.ts';
import type { ObjectLocator } from '../types/object-locator.ts';
import type { ClassRegistry } from './cls/registry.ts';
import type { CopiedObject } from './copy-from.ts';

/** Limits of requests, from the configuration. Bytes, counts and seconds. */
export interface OsdLimits {
  maxObjectSize: number;
  maxNameLength: number;
  maxNspaceLength: number;
  maxAttrName: number;
  maxAttrSize: number;
  maxOmapEntries: number;
  maxOmapBytes: number;
  maxWriteBytes: number;
  maxWriteReply: number;
  maxPgls: number;
  watchTimeoutSeconds: number;
  notifyTimeoutSeconds: number;
  minLogEntries: number;
  dupsTracked: number;
  copyChunk: number;
}

/** What a PG needs of the OSD that it lives on (osd/OSD.h, OSDService). */
export interface PgHost {
  readonly whoami: number;
  readonly env: Env;
  readonly store: ObjectStore;
  readonly classes: ClassRegistry;
  readonly limits: OsdLimits;
  readonly map: OsdMap;
  /** The map of an earlier epoch; undefined when it is not kept. */
  mapAt(epoch: number): OsdMap | undefined;
  /** Oldest epoch that is kept. */
  readonly oldestMap: number;
  /** Sends to another OSD's cluster address. */
  sendToOsd(osd: number, message: Message): void;
  /** A PG's state is another one now. */
  statsChanged(): void;
  /** To the monitor. */
  sendToMon(message: Message): void;
  nextTid(): number;
  nextNotifyId(): bigint;
  /** Fetches an object for copy-from, as a client of its OSD. */
  fetchObject(source: HObject, locator: ObjectLocator, version: number, flags: number): Promise<CopiedObject>;
  log(level: number, message: string): void;
  /** Level of log entries that are made. */
  logs(level: number): boolean;
  countOp(m: MOSDOp, read: number, written: number): void;
}

/** Whether two mappings are one interval. */
export function sameInterval(a: PgMapping, b: PgMapping): boolean {
  if (a === b) return true;
  if (a.actingPrimary !== b.actingPrimary || a.upPrimary !== b.upPrimary) return false;
  if (a.acting.length !== b.acting.length || a.up.length !== b.up.length) return false;
  for (let i = 0; i < a.acting.length; i++) if (a.acting[i] !== b.acting[i]) return false;
  for (let i = 0; i < a.up.length; i++) if (a.up[i] !== b.up[i]) return false;
  return true;
}
