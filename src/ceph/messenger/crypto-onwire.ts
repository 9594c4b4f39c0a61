import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { NacreError } from '../../base/errors.ts';

/**
 * Secure mode of protocol v2: AES-128-GCM, tag of 16 bytes behind the ciphertext, no associated data
 * (msg/async/crypto_onwire.cc).
 *
 * The connection secret gives a key (16 bytes) and two nonces (12 bytes each): the first of what the acceptor
 * sends, the second of what the connector sends. A nonce is used once and then counted up: in 2.0 its
 * first 4 bytes are the counter, in 2.1 its last 8.
 */
export const GCM_TAG_SIZE = 16;
const KEY_SIZE = 16;
const NONCE_SIZE = 12;
export const CONNECTION_SECRET_SIZE = KEY_SIZE + 2 * NONCE_SIZE;

const OPTIONS = { authTagLength: GCM_TAG_SIZE };

class NonceCounter {
  /** Handed to the cipher, which copies it. */
  readonly bytes: Buffer;
  private readonly from: number;
  private readonly to: number;
  private readonly first: Buffer;
  private used = false;

  constructor(initial: Uint8Array, revision1: boolean) {
    this.bytes = Buffer.from(initial);
    this.first = Buffer.from(initial);
    this.from = revision1 ? 4 : 0;
    this.to = revision1 ? 12 : 4;
  }

  /** Before use: a counter that has come round would reuse a nonce, which gives the key away. */
  check(): void {
    if (this.used && this.bytes.equals(this.first))
      throw new NacreError('EKEYEXPIRED', 'msgr.secure', 'all nonces of the session are used up');
    this.used = true;
  }

  step(): void {
    const { bytes, to } = this;
    for (let i = this.from; i < to; i++) {
      bytes[i] = (bytes[i] + 1) & 0xff;
      if (bytes[i] !== 0) return;
    }
  }
}

/** One direction. A GCM message is `start`, `update` any number of times, `finish`. */
export class OnWireEncrypter {
  private readonly key: KeyObject;
  private readonly nonce: NonceCounter;
  private cipher: ReturnType<typeof createCipheriv> | undefined;

  constructor(key: KeyObject, nonce: Uint8Array, revision1: boolean) {
    this.key = key;
    this.nonce = new NonceCounter(nonce, revision1);
  }

  start(): void {
    this.nonce.check();
    this.cipher = createCipheriv('aes-128-gcm', this.key, this.nonce.bytes, OPTIONS);
    this.nonce.step();
  }

  update(plain: Uint8Array): Buffer {
    return this.cipher!.update(plain);
  }

  /** The authentication tag. */
  finish(): Buffer {
    const cipher = this.cipher as unknown as { final(): Buffer; getAuthTag(): Buffer };
    cipher.final();
    this.cipher = undefined;
    return cipher.getAuthTag();
  }
}

export class OnWireDecrypter {
  private readonly key: KeyObject;
  private readonly nonce: NonceCounter;
  private decipher: ReturnType<typeof createDecipheriv> | undefined;

  constructor(key: KeyObject, nonce: Uint8Array, revision1: boolean) {
    this.key = key;
    this.nonce = new NonceCounter(nonce, revision1);
  }

  start(): void {
    this.nonce.check();
    this.decipher = createDecipheriv('aes-128-gcm', this.key, this.nonce.bytes, OPTIONS);
    this.nonce.step();
  }

  update(bytes: Uint8Array): Buffer {
    return this.decipher!.update(bytes);
  }

  /** @throws NacreError EBADMSG when the tag is not that of what was decrypted. */
  finish(tag: Uint8Array): void {
    const decipher = this.decipher as unknown as { setAuthTag(tag: Uint8Array): void; final(): Buffer };
    this.decipher = undefined;
    decipher.setAuthTag(tag);
    try {
      decipher.final();
    } catch (cause) {
      throw new NacreError('EBADMSG', 'msgr.secure', 'frame does not authenticate', { cause });
    }
  }
}

/** Both directions from a connection secret; `acceptor` says which end we are. */
export function onWirePair(
  secret: Uint8Array,
  acceptor: boolean,
  revision1: boolean,
): { tx: OnWireEncrypter; rx: OnWireDecrypter } {
  if (secret.length < CONNECTION_SECRET_SIZE)
    throw new NacreError(
      'EPROTO',
      'msgr.secure',
      `secure mode needs a connection secret of ${CONNECTION_SECRET_SIZE} bytes, authentication gave ${secret.length}`,
    );
  const key = createSecretKey(secret.subarray(0, KEY_SIZE));
  const fromAcceptor = secret.subarray(KEY_SIZE, KEY_SIZE + NONCE_SIZE);
  const fromConnector = secret.subarray(KEY_SIZE + NONCE_SIZE, CONNECTION_SECRET_SIZE);
  return {
    tx: new OnWireEncrypter(key, acceptor ? fromAcceptor : fromConnector, revision1),
    rx: new OnWireDecrypter(key, acceptor ? fromConnector : fromAcceptor, revision1),
  };
}
