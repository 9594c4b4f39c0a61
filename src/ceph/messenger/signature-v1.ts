import { createCipheriv, createSecretKey, type KeyObject } from 'node:crypto';

/** IV of everything that cephx encrypts (auth/Crypto.h). */
const CEPH_IV = Buffer.from('cephsageyudagreg');

/**
 * Signatures of messages of protocol v1 (auth/cephx/CephxSessionHandler.cc): a block of the message's crcs
 * encrypted with the session key, AES-128-CBC with PKCS#7 padding.
 *
 * Without CEPHX_V2: u8 1, u64 0xff009cad8826aa55, u32 16, u32 crc of header, front, middle, data; the signature is
 * the first 8 bytes. With it: u32 header crc, then crc and length of front, middle and data, u32 seq; the
 * signature is the first four 8-byte words xored.
 */
export class MessageSigner {
  private readonly key: KeyObject;
  private readonly cephxV2: boolean;
  private readonly block: Buffer;

  constructor(sessionKey: Buffer, cephxV2: boolean) {
    this.key = createSecretKey(sessionKey);
    this.cephxV2 = cephxV2;
    this.block = Buffer.alloc(cephxV2 ? 32 : 29);
    if (!cephxV2) {
      this.block[0] = 1;
      this.block.writeUInt32LE(0x8826aa55, 1);
      this.block.writeUInt32LE(0xff009cad, 5);
      this.block.writeUInt32LE(16, 9);
    }
  }

  /** Writes the 8 bytes of the signature to `into` at `at`. */
  sign(
    seq: number,
    headerCrc: number,
    frontCrc: number,
    frontLength: number,
    middleCrc: number,
    middleLength: number,
    dataCrc: number,
    dataLength: number,
    into: Uint8Array,
    at: number,
  ): void {
    const { block } = this;
    if (this.cephxV2) {
      block.writeUInt32LE(headerCrc, 0);
      block.writeUInt32LE(frontCrc, 4);
      block.writeUInt32LE(frontLength, 8);
      block.writeUInt32LE(middleCrc, 12);
      block.writeUInt32LE(middleLength, 16);
      block.writeUInt32LE(dataCrc, 20);
      block.writeUInt32LE(dataLength, 24);
      block.writeUInt32LE(seq % 0x1_0000_0000, 28);
    } else {
      block.writeUInt32LE(headerCrc, 13);
      block.writeUInt32LE(frontCrc, 17);
      block.writeUInt32LE(middleCrc, 21);
      block.writeUInt32LE(dataCrc, 25);
    }
    const cipher = createCipheriv('aes-128-cbc', this.key, CEPH_IV);
    const sealed = cipher.update(block);
    if (this.cephxV2) {
      for (let i = 0; i < 8; i++) into[at + i] = sealed[i] ^ sealed[i + 8] ^ sealed[i + 16] ^ sealed[i + 24];
    } else {
      // Only the first block matters: it is out already.
      for (let i = 0; i < 8; i++) into[at + i] = sealed[i];
    }
  }
}
