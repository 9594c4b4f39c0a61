import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';

/** A uuid_d is held as its text, '8f1c2a3e-....'; on the wire it is 16 bytes. */
export type Uuid = string;

export const UUID_ZERO: Uuid = '00000000-0000-0000-0000-000000000000';

const HEX: string[] = [];
for (let i = 0; i < 256; i++) HEX.push(i.toString(16).padStart(2, '0'));

export function uuidFromBytes(b: Uint8Array): Uuid {
  let text = '';
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += HEX[b[i]];
  }
  return text;
}

const FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return FORM.test(text);
}

/** @throws NacreError EINVAL when the text is no uuid. */
export function uuidToBytes(uuid: Uuid): Buffer {
  if (!FORM.test(uuid)) throw new NacreError('EINVAL', 'uuid', `'${uuid}' is not a uuid`);
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

/** A random (version 4) uuid of 16 random bytes. */
export function uuidFromRandom(random: Uint8Array): Uuid {
  const b = Uint8Array.from(random.subarray(0, 16));
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  return uuidFromBytes(b);
}

export function encodeUuid(e: Encoder, uuid: Uuid): void {
  e.bytes(uuidToBytes(uuid));
}

export function decodeUuid(d: Decoder): Uuid {
  return uuidFromBytes(d.bytes(16));
}
