import { createCipheriv, createDecipheriv } from 'node:crypto';
import { Decoder } from '../../base/decoder.ts';
import { Encoder } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import type { Random } from '../../env/env.ts';
import { decodeUTime, encodeUTime, UTIME_ZERO, type UTime } from '../types/utime.ts';

/** CEPH_CRYPTO_* (include/ceph_fs.h). */
export const CRYPTO_NONE = 0;
export const CRYPTO_AES = 1;

/** AES-128: bytes of a key and of a block. */
const AES_KEY_LENGTH = 16;
const AES_BLOCK_LENGTH = 16;
/** CEPH_AES_IV (include/ceph_fs.h): every cephx encryption starts from this one. */
const AES_IV = Buffer.from('cephsageyudagreg', 'latin1');
/** AUTH_ENC_MAGIC (auth/cephx/CephxProtocol.h): what a decryption with the right key begins with. */
const ENVELOPE_MAGIC = 0xff009cad8826aa55n;
const ENVELOPE_VERSION = 1;

/** A shared secret (auth/Crypto.h). */
export interface CryptoKey {
  /** CRYPTO_*. */
  readonly type: number;
  readonly created: UTime;
  readonly secret: Buffer;
}

/** What stands where no key is. */
export const NO_KEY: CryptoKey = { type: CRYPTO_NONE, created: UTIME_ZERO, secret: Buffer.alloc(0) };

// CryptoKey: u16 type, utime_t created, u16 length, secret.
export function encodeCryptoKey(e: Encoder, key: CryptoKey): void {
  e.u16(key.type);
  encodeUTime(e, key.created);
  e.u16(key.secret.length);
  e.bytes(key.secret);
}

export function decodeCryptoKey(d: Decoder): CryptoKey {
  d.type = 'CryptoKey';
  const type = d.u16();
  const created = decodeUTime(d);
  const secret = d.bytes(d.u16());
  if (type !== CRYPTO_NONE && type !== CRYPTO_AES) d.fail(`key type ${type} is not known`);
  if (type === CRYPTO_AES && secret.length < AES_KEY_LENGTH)
    d.fail(`an AES key of ${secret.length} bytes, ${AES_KEY_LENGTH} needed`);
  return { type, created, secret };
}

/** A fresh AES key. */
export function generateKey(random: Random, created: UTime): CryptoKey {
  return { type: CRYPTO_AES, created, secret: random.bytes(AES_KEY_LENGTH) };
}

/** The key as keyrings show it. */
export function cryptoKeyToBase64(key: CryptoKey): string {
  const e = new Encoder(32);
  encodeCryptoKey(e, key);
  return e.result().toString('base64');
}

/** @throws NacreError EINVAL when the text is not a key. */
export function cryptoKeyFromBase64(text: string): CryptoKey {
  const trimmed = text.trim();
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(trimmed))
    throw new NacreError('EINVAL', 'auth.parse_key', 'a secret key is not base64');
  try {
    const d = new Decoder(Buffer.from(trimmed, 'base64'), 'CryptoKey');
    const key = decodeCryptoKey(d);
    // The decoder's view must not keep alive or share what Buffer.from pooled.
    return { ...key, secret: Buffer.from(key.secret) };
  } catch (cause) {
    throw new NacreError('EINVAL', 'auth.parse_key', 'a secret key does not decode', { cause });
  }
}

/** Raw AES-128-CBC with Ceph's fixed IV and PKCS#7 padding. */
export function encrypt(key: CryptoKey, plain: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-128-cbc', aesSecret(key, 'auth.encrypt'), AES_IV);
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}

/** @throws NacreError EPERM when the padding does not come out, which is what a wrong key gives. */
export function decrypt(key: CryptoKey, cipherText: Uint8Array): Buffer {
  const secret = aesSecret(key, 'auth.decrypt');
  if (cipherText.length === 0 || cipherText.length % AES_BLOCK_LENGTH !== 0)
    throw new NacreError(
      'EPERM',
      'auth.decrypt',
      `${cipherText.length} bytes are no whole number of AES blocks`,
    );
  const decipher = createDecipheriv('aes-128-cbc', secret, AES_IV);
  try {
    return Buffer.concat([decipher.update(cipherText), decipher.final()]);
  } catch (cause) {
    throw new NacreError('EPERM', 'auth.decrypt', 'the bytes were encrypted with another key', { cause });
  }
}

function aesSecret(key: CryptoKey, op: string): Buffer {
  if (key.type !== CRYPTO_AES || key.secret.length < AES_KEY_LENGTH)
    throw new NacreError(
      'EINVAL',
      op,
      `key type ${key.type} of ${key.secret.length} bytes cannot encrypt; AES-128 can`,
    );
  return key.secret.length === AES_KEY_LENGTH ? key.secret : key.secret.subarray(0, AES_KEY_LENGTH);
}

// The envelope (encode_encrypt_enc_bl): AES(u8 version, u64 magic, value).

/** Encrypts one value in the envelope, without a length in front. */
export function seal(key: CryptoKey, encode: (e: Encoder) => void): Buffer {
  const e = new Encoder(128);
  e.u8(ENVELOPE_VERSION);
  e.u64b(ENVELOPE_MAGIC);
  encode(e);
  return encrypt(key, e.result());
}

/**
 * Opens an envelope and reads the value in it.
 * @throws NacreError EPERM when the key is not the one that sealed it; DecodeError when the value does not
 * read.
 */
export function unseal<T>(key: CryptoKey, sealed: Uint8Array, type: string, decode: (d: Decoder) => T): T {
  const d = new Decoder(decrypt(key, sealed), type);
  if (d.remaining < 9) throw new NacreError('EPERM', 'auth.decrypt', `${type} is shorter than its envelope`);
  d.u8();
  if (d.u64b() !== ENVELOPE_MAGIC)
    throw new NacreError('EPERM', 'auth.decrypt', `${type} was encrypted with another key`);
  return decode(d);
}

/** encode_encrypt: u32 length, then the envelope. */
export function encodeSealed(e: Encoder, key: CryptoKey, encode: (e: Encoder) => void): void {
  e.blob(seal(key, encode));
}

/** decode_decrypt: reads what encodeSealed wrote. */
export function decodeSealed<T>(d: Decoder, key: CryptoKey, type: string, decode: (d: Decoder) => T): T {
  return unseal(key, d.blob(), type, decode);
}
