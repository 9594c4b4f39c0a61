import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import type { Span } from '../../base/trace.ts';
import type { Features } from '../types/features.ts';

/** Message priorities (include/msgr.h). */
export const PRIO_LOW = 64;
export const PRIO_DEFAULT = 127;
export const PRIO_HIGH = 196;
export const PRIO_HIGHEST = 255;

export const NO_DATA: readonly Uint8Array[] = [];

/**
 * One message between entities. A subclass, one file each, has its fields and knows how to encode them; its
 * decoder is registered under its type number. The messenger adds the header (ceph_msg_header2): seq, tid,
 * type, priority, version, compat version.
 *
 * On the wire a message has up to three parts: front (what encodePayload writes), middle (almost never
 * used) and data (bulk payload, referenced and never copied).
 */
export abstract class Message {
  /** MSG_* / CEPH_MSG_* number. */
  abstract readonly type: number;
  /** Version of the encoding; encodePayload may lower it for a peer without some feature. */
  abstract version: number;
  /** Oldest version whose readers can read it. */
  abstract compatVersion: number;
  /** Position in the connection's stream; set by the messenger. */
  seq = 0;
  /** Transaction id: ties a reply to its request. */
  tid = 0;
  priority = PRIO_DEFAULT;
  /** Bulk data in order; given to the socket as it is. */
  data: readonly Uint8Array[] = NO_DATA;
  middle: Uint8Array | undefined = undefined;
  /**
   * Set by whoever handles a received message at once and keeps none of `data`: its memory is then read into
   * again as soon as the handler has returned.
   */
  borrowed = false;
  /** Span that the messenger hangs its own spans under; undefined when nobody traces. */
  trace: Span | undefined = undefined;
  /** The messenger's: bytes that this received message holds of the throttles; -1 for no share at all. */
  shareBytes = -1;
  /** The messenger's: whose throttles those are. */
  shareOf: object | undefined = undefined;
  /** The messenger's: a dispatcher keeps the share beyond dispatch. */
  shareHeld = false;

  /** Writes the front. Called again when the message is resent, perhaps to a peer with other features. */
  abstract encodePayload(e: Encoder, features: Features): void;

  /** Bytes of `data`. */
  get dataLength(): number {
    let n = 0;
    for (const part of this.data) n += part.length;
    return n;
  }

  /** One line for logs, in the field's notation: 'osd_op(client.4.0:1 1.7 foo [write 0~4096] e5)'. */
  abstract describe(): string;
}

/** What a decoder needs besides the front. */
export interface MessageHeader {
  readonly type: number;
  readonly version: number;
  readonly compatVersion: number;
  readonly tid: number;
  readonly priority: number;
}

/** Reads a front; `data` and `middle` are owned by the message from here on. Throws DecodeError. */
export type MessageDecoder = (
  front: Decoder,
  header: MessageHeader,
  data: Uint8Array | undefined,
  middle: Uint8Array | undefined,
) => Message;

const decoders = new Map<number, MessageDecoder>();

/** Each message file registers itself when imported; `messages/index.ts` imports them all. */
export function registerMessage(type: number, decode: MessageDecoder): void {
  decoders.set(type, decode);
}

/** Undefined for a type that nobody registered. */
export function messageDecoder(type: number): MessageDecoder | undefined {
  return decoders.get(type);
}
