import { Decoder } from '../../../base/decoder.ts';
import { type Encoder, encodeToBuffer } from '../../../base/encoder.ts';
import {
  type ClsSnapshotNamespace,
  snapshotNamespace,
  USER_NAMESPACE,
} from '../../types/cls-rbd-namespace.ts';

// What those who have an image open tell each other through watches of its header (librbd/WatchNotifyTypes.h).
//
// NotifyMessage: ENCODE_START(7, 1): u32 kind, then by kind:
//
//   0 acquired lock, 1 released lock     ClientId (since 2)
//   2 request lock                       ClientId (since 2), bool force (since 3)
//   3 header update                      nothing; an empty message is one too
//   4 progress                           AsyncRequestId, u64 done, u64 total
//   5 complete                           AsyncRequestId, s32 result
//   6 flatten, 10 rebuild object map, 16 migrate, 18 quiesce, 19 unquiesce    AsyncRequestId
//   7 resize                             u64 size, AsyncRequestId, bool may shrink (since 4)
//   8 create snapshot                    str name, namespace (since 5), AsyncRequestId and u64 flags (since 7)
//   9 remove, 12 protect, 13 unprotect   str name, namespace (since 6), AsyncRequestId (since 7)
//   11 rename snapshot                   u64 id, str new name, namespace (since 6), AsyncRequestId (since 7)
//   14 rename                            str name, AsyncRequestId (since 7)
//   15 update features                   u64 features, bool enable, AsyncRequestId (since 7)
//   17 sparsify                          AsyncRequestId, u64 sparse size
//
// ClientId: u64 global id, u64 cookie of the watch. AsyncRequestId: ClientId, u64 number.
// Answers that are not empty are a ResponseMessage: ENCODE_START(1, 1): s32 result.

/** A handle: whose client it is, and which of its watches. */
export interface ClientId {
  readonly gid: bigint;
  readonly handle: bigint;
}

export interface AsyncRequestId {
  readonly client: ClientId;
  readonly number: bigint;
}

export type NotifyMessage =
  | { readonly kind: 'acquiredLock' | 'releasedLock'; readonly client: ClientId | undefined }
  | { readonly kind: 'requestLock'; readonly client: ClientId | undefined; readonly force: boolean }
  | { readonly kind: 'headerUpdate' }
  | { readonly kind: 'progress'; readonly id: AsyncRequestId; readonly done: number; readonly total: number }
  | { readonly kind: 'complete'; readonly id: AsyncRequestId; readonly result: number }
  | {
      readonly kind: 'flatten' | 'rebuildObjectMap' | 'migrate' | 'quiesce' | 'unquiesce';
      readonly id: AsyncRequestId;
    }
  | {
      readonly kind: 'resize';
      readonly size: number;
      readonly id: AsyncRequestId;
      readonly allowShrink: boolean;
    }
  | {
      readonly kind: 'snapCreate';
      readonly name: string;
      readonly namespace: ClsSnapshotNamespace;
      /** Undefined from peers before pacific, who wait for the answer. */
      readonly id: AsyncRequestId | undefined;
      readonly flags: bigint;
    }
  | {
      readonly kind: 'snapRemove' | 'snapProtect' | 'snapUnprotect';
      readonly name: string;
      readonly namespace: ClsSnapshotNamespace;
      readonly id: AsyncRequestId | undefined;
    }
  | {
      readonly kind: 'snapRename';
      readonly snapId: bigint;
      readonly name: string;
      readonly namespace: ClsSnapshotNamespace;
      readonly id: AsyncRequestId | undefined;
    }
  | { readonly kind: 'rename'; readonly name: string; readonly id: AsyncRequestId | undefined }
  | {
      readonly kind: 'updateFeatures';
      readonly features: bigint;
      readonly enable: boolean;
      readonly id: AsyncRequestId | undefined;
    }
  | { readonly kind: 'sparsify'; readonly id: AsyncRequestId; readonly sparseSize: number }
  | { readonly kind: 'unknown'; readonly number: number };

const KINDS = [
  'acquiredLock',
  'releasedLock',
  'requestLock',
  'headerUpdate',
  'progress',
  'complete',
  'flatten',
  'resize',
  'snapCreate',
  'snapRemove',
  'rebuildObjectMap',
  'snapRename',
  'snapProtect',
  'snapUnprotect',
  'rename',
  'updateFeatures',
  'migrate',
  'sparsify',
  'quiesce',
  'unquiesce',
] as const;

function putClient(e: Encoder, { gid, handle }: ClientId): void {
  e.u64b(gid);
  e.u64b(handle);
}

function putId(e: Encoder, { client, number }: AsyncRequestId): void {
  putClient(e, client);
  e.u64b(number);
}

const readClient = (d: Decoder): ClientId => ({ gid: d.u64b(), handle: d.u64b() });
const readId = (d: Decoder): AsyncRequestId => ({ client: readClient(d), number: d.u64b() });

const NOBODY: ClientId = { gid: 0n, handle: 0n };
const NO_REQUEST: AsyncRequestId = { client: NOBODY, number: 0n };
/** Bytes of an AsyncRequestId. */
const ID_BYTES = 24;

export function encodeNotify(message: NotifyMessage): Buffer {
  return encodeToBuffer(e => {
    const mark = e.start(7, 1);
    e.u32(message.kind === 'unknown' ? message.number : KINDS.indexOf(message.kind));
    putPayload(e, message);
    e.finish(mark);
  });
}

function putPayload(e: Encoder, m: NotifyMessage): void {
  switch (m.kind) {
    case 'acquiredLock':
    case 'releasedLock':
      putClient(e, m.client ?? NOBODY);
      break;
    case 'requestLock':
      putClient(e, m.client ?? NOBODY);
      e.bool(m.force);
      break;
    case 'progress':
      putId(e, m.id);
      e.u64(m.done);
      e.u64(m.total);
      break;
    case 'complete':
      putId(e, m.id);
      e.i32(m.result);
      break;
    case 'flatten':
    case 'rebuildObjectMap':
    case 'migrate':
    case 'quiesce':
    case 'unquiesce':
      putId(e, m.id);
      break;
    case 'resize':
      e.u64(m.size);
      putId(e, m.id);
      e.bool(m.allowShrink);
      break;
    case 'snapCreate':
      e.str(m.name);
      snapshotNamespace.encode(e, m.namespace);
      putId(e, m.id ?? NO_REQUEST);
      e.u64b(m.flags);
      break;
    case 'snapRemove':
    case 'snapProtect':
    case 'snapUnprotect':
      e.str(m.name);
      snapshotNamespace.encode(e, m.namespace);
      putId(e, m.id ?? NO_REQUEST);
      break;
    case 'snapRename':
      e.u64b(m.snapId);
      e.str(m.name);
      snapshotNamespace.encode(e, m.namespace);
      putId(e, m.id ?? NO_REQUEST);
      break;
    case 'rename':
      e.str(m.name);
      putId(e, m.id ?? NO_REQUEST);
      break;
    case 'updateFeatures':
      e.u64b(m.features);
      e.bool(m.enable);
      putId(e, m.id ?? NO_REQUEST);
      break;
    case 'sparsify':
      putId(e, m.id);
      e.u64(m.sparseSize);
      break;
    case 'headerUpdate':
    case 'unknown':
  }
}

/** @throws DecodeError */
export function decodeNotify(bytes: Uint8Array): NotifyMessage {
  // Clients of long ago sent nothing at all to say that the header changed.
  if (bytes.length === 0) return { kind: 'headerUpdate' };
  const d = new Decoder(bytes, 'NotifyMessage');
  const end = d.start('NotifyMessage', 7);
  const version = d.structV;
  const message = readPayload(d, d.u32(), version);
  d.finish(end);
  return message;
}

function readPayload(d: Decoder, number: number, version: number): NotifyMessage {
  const kind = KINDS[number];
  const namespace = (): ClsSnapshotNamespace => (version >= 6 ? snapshotNamespace.decode(d) : USER_NAMESPACE);
  const client = (): ClientId | undefined => (version >= 2 ? readClient(d) : undefined);
  // Some of version 7 had no id yet in most requests; an id of nobody is none.
  const idIfAny = (): AsyncRequestId | undefined => {
    if (version < 7 || d.remaining < ID_BYTES) return undefined;
    const id = readId(d);
    return id.client.gid === 0n ? undefined : id;
  };
  switch (kind) {
    case 'acquiredLock':
    case 'releasedLock':
      return { kind, client: client() };
    case 'requestLock':
      return { kind, client: client(), force: version >= 3 && d.bool() };
    case 'headerUpdate':
      return { kind };
    case 'progress':
      return { kind, id: readId(d), done: d.u64(), total: d.u64() };
    case 'complete':
      return { kind, id: readId(d), result: d.i32() };
    case 'flatten':
    case 'rebuildObjectMap':
    case 'migrate':
    case 'quiesce':
    case 'unquiesce':
      return { kind, id: readId(d) };
    case 'resize':
      return { kind, size: d.u64(), id: readId(d), allowShrink: version < 4 || d.bool() };
    case 'snapCreate': {
      const name = d.str();
      const ns = version >= 5 ? snapshotNamespace.decode(d) : USER_NAMESPACE;
      if (version < 7) return { kind, name, namespace: ns, id: undefined, flags: 0n };
      return { kind, name, namespace: ns, id: idIfAny(), flags: d.u64b() };
    }
    case 'snapRemove':
    case 'snapProtect':
    case 'snapUnprotect':
      return { kind, name: d.str(), namespace: namespace(), id: idIfAny() };
    case 'snapRename':
      return { kind, snapId: d.u64b(), name: d.str(), namespace: namespace(), id: idIfAny() };
    case 'rename':
      return { kind, name: d.str(), id: idIfAny() };
    case 'updateFeatures':
      return { kind, features: d.u64b(), enable: d.bool(), id: idIfAny() };
    case 'sparsify':
      return { kind, id: readId(d), sparseSize: d.u64() };
    case undefined:
      return { kind: 'unknown', number };
  }
}

export function encodeResponse(result: number): Buffer {
  return encodeToBuffer(e => {
    const mark = e.start(1, 1);
    e.i32(result);
    e.finish(mark);
  });
}

/** @throws DecodeError */
export function decodeResponse(bytes: Uint8Array): number {
  const d = new Decoder(bytes, 'ResponseMessage');
  const end = d.start('ResponseMessage', 1);
  const result = d.i32();
  d.finish(end);
  return result;
}

export function sameClient(a: ClientId | undefined, b: ClientId | undefined): boolean {
  return a !== undefined && b !== undefined && a.gid === b.gid && a.handle === b.handle;
}

export function requestKey({ client, number }: AsyncRequestId): string {
  return `${client.gid}/${client.handle}/${number}`;
}
