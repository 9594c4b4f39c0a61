import { Decoder } from '../../base/decoder.ts';

export interface NotifyAck {
  /** Global id of the client that answered. */
  readonly gid: bigint;
  readonly cookie: bigint;
  readonly payload: Buffer;
}

export interface NotifyTimeout {
  readonly gid: bigint;
  readonly cookie: bigint;
}

/**
 * What comes with the end of a notify: u32 count, (u64 global id, u64 cookie, blob) each; u32 count, (u64 global id,
 * u64 cookie) each of those that did not answer.
 */
export function decodeNotifyResponse(data: Uint8Array): { acks: NotifyAck[]; timeouts: NotifyTimeout[] } {
  const acks: NotifyAck[] = [];
  const timeouts: NotifyTimeout[] = [];
  if (data.length === 0) return { acks, timeouts };
  const d = new Decoder(data, 'notify response');
  for (let n = d.count(20); n > 0; n--) acks.push({ gid: d.u64b(), cookie: d.u64b(), payload: d.blob() });
  for (let n = d.count(16); n > 0; n--) timeouts.push({ gid: d.u64b(), cookie: d.u64b() });
  return { acks, timeouts };
}
