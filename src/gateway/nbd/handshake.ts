import type { Socket } from 'node:net';
import { DecodeError } from '../../base/errors.ts';
import { ByteReader } from './byte-reader.ts';
import { blockSizesOf, type ExportTable, type NbdExport } from './exports.ts';
import { decodeInfoOption, decodeMetaContextOption, decodeString } from './options.ts';
import {
  BASE_ALLOCATION,
  FLAG_CAN_MULTI_CONN,
  FLAG_FIXED_NEWSTYLE,
  FLAG_HAS_FLAGS,
  FLAG_NO_ZEROES,
  FLAG_READ_ONLY,
  FLAG_SEND_CACHE,
  FLAG_SEND_DF,
  FLAG_SEND_FAST_ZERO,
  FLAG_SEND_FLUSH,
  FLAG_SEND_FUA,
  FLAG_SEND_TRIM,
  FLAG_SEND_WRITE_ZEROES,
  GREETING,
  INFO_BLOCK_SIZE,
  INFO_DESCRIPTION,
  INFO_EXPORT,
  INFO_NAME,
  OPT_ABORT,
  OPT_EXPORT_NAME,
  OPT_GO,
  OPT_INFO,
  OPT_LIST,
  OPT_LIST_META_CONTEXT,
  OPT_SET_META_CONTEXT,
  OPT_STARTTLS,
  OPT_STRUCTURED_REPLY,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC_HIGH,
  OPTION_REPLY_MAGIC_LOW,
  REP_ACK,
  REP_ERR_INVALID,
  REP_ERR_POLICY,
  REP_ERR_SHUTDOWN,
  REP_ERR_TLS_REQD,
  REP_ERR_TOO_BIG,
  REP_ERR_UNKNOWN,
  REP_ERR_UNSUP,
  REP_INFO,
  REP_META_CONTEXT,
  REP_SERVER,
} from './protocol.ts';
import type { Terms } from './refusals.ts';

// The fixed newstyle handshake.
//   server: 'NBDMAGIC' 'IHAVEOPT' u16 handshake flags        client: u32 client flags
//   client: 'IHAVEOPT' u32 option, u32 length, data          as often as it likes
//   server: u64 0x3e889045565a9, u32 option, u32 type of reply, u32 length, data     one or more for each option
//   to NBD_OPT_EXPORT_NAME: u64 size, u16 transmission flags, 124 zeros unless both sides said NO_ZEROES

/** Data of an option that is looked at; more is read over, and the option refused. */
const MAX_OPTION = 64 << 10;
/** A client that sends more than this in one option is no client. */
const MAX_SKIPPED = 1 << 20;
const MAX_OPTIONS = 4096;
/** Id of base:allocation. */
const ALLOCATION_ID = 1;

export interface HandshakeOptions {
  readonly exports: ExportTable;
  /** TLS is offered, and without it nothing but NBD_OPT_STARTTLS and NBD_OPT_ABORT is answered. */
  readonly tls: ((socket: Socket) => Promise<Socket>) | undefined;
  readonly shuttingDown: () => boolean;
}

/** What a handshake ended in. */
export interface Agreement {
  /** The connection, which may be another than before: TLS over it. */
  readonly socket: Socket;
  readonly terms: Terms;
}

/** Client and server did not come to terms; `rude` when the client broke the protocol. */
export class HandshakeEnd extends Error {
  readonly rude: boolean;

  constructor(message: string, rude: boolean) {
    super(message);
    this.rude = rude;
  }
}

const GONE = 'the client left during the handshake';

/** The server's side of the handshake on one connection. */
export class Handshake {
  private socket: Socket;
  private reader: ByteReader;
  private readonly options: HandshakeOptions;
  private noZeroes = false;
  private encrypted = false;
  private structured = false;
  /** The export that base:allocation was chosen for. */
  private allocationFor: NbdExport | undefined;

  constructor(socket: Socket, options: HandshakeOptions) {
    this.socket = socket;
    this.reader = new ByteReader(socket);
    this.options = options;
  }

  /** Talks until the transmission phase begins. Throws HandshakeEnd when it does not come to that. */
  async run(): Promise<Agreement> {
    const greeting = Buffer.alloc(18);
    GREETING.copy(greeting);
    greeting.writeUInt16BE(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES, 16);
    this.socket.write(greeting);
    const flags = (await this.take(4)).readUInt32BE(0);
    if ((flags & ~(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES)) !== 0)
      throw new HandshakeEnd(`client flags 0x${flags.toString(16)}`, true);
    this.noZeroes = (flags & FLAG_NO_ZEROES) !== 0;
    for (let n = 0; n < MAX_OPTIONS; n++) {
      const terms = await this.option();
      if (terms !== undefined) return { socket: this.socket, terms };
      if (!(await this.reader.written())) throw new HandshakeEnd(GONE, false);
    }
    throw new HandshakeEnd('too many options', true);
  }

  private async take(bytes: number): Promise<Buffer> {
    const data = await this.reader.read(bytes);
    if (data === undefined) throw new HandshakeEnd(GONE, false);
    return data;
  }

  /** One option. What was agreed on, if it is the last. */
  private async option(): Promise<Terms | undefined> {
    const head = await this.take(16);
    if (head.compare(OPTION_MAGIC, 0, 8, 0, 8) !== 0)
      throw new HandshakeEnd('an option without its magic', true);
    const option = head.readUInt32BE(8);
    const length = head.readUInt32BE(12);
    if (length > MAX_SKIPPED || (option === OPT_EXPORT_NAME && length > MAX_OPTION))
      throw new HandshakeEnd(`option ${option} with ${length} bytes`, true);
    if (length > MAX_OPTION) {
      if (!(await this.reader.skip(length))) throw new HandshakeEnd(GONE, false);
      this.refuse(option, REP_ERR_TOO_BIG, 'too much data');
      return undefined;
    }
    const data = await this.take(length);
    try {
      return await this.answer(option, data);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      if (option === OPT_EXPORT_NAME) throw new HandshakeEnd(error.message, true);
      this.refuse(option, REP_ERR_INVALID, error.message);
      return undefined;
    }
  }

  private async answer(option: number, data: Buffer): Promise<Terms | undefined> {
    if (option === OPT_ABORT) {
      this.reply(option, REP_ACK);
      throw new HandshakeEnd('the client aborted the handshake', false);
    }
    const mustEncrypt = this.options.tls !== undefined && !this.encrypted;
    if (option === OPT_EXPORT_NAME) {
      if (mustEncrypt) throw new HandshakeEnd('the client does without TLS, which is required', false);
      return this.exportName(data);
    }
    if (this.options.shuttingDown()) this.refuse(option, REP_ERR_SHUTDOWN, 'the server is shutting down');
    else if (option === OPT_STARTTLS) await this.startTls(data);
    else if (mustEncrypt) this.refuse(option, REP_ERR_TLS_REQD, 'TLS is required');
    else if (option === OPT_INFO || option === OPT_GO) return this.info(option, data);
    else if (option === OPT_LIST) this.list(data);
    else if (option === OPT_STRUCTURED_REPLY) {
      if (data.length > 0) this.refuse(option, REP_ERR_INVALID, 'an option without data');
      else {
        this.structured = true;
        this.reply(option, REP_ACK);
      }
    } else if (option === OPT_LIST_META_CONTEXT || option === OPT_SET_META_CONTEXT)
      this.metaContext(option, data);
    else this.refuse(option, REP_ERR_UNSUP, 'unknown option');
    return undefined;
  }

  private reply(option: number, type: number, data: Uint8Array | string = ''): void {
    const body = typeof data === 'string' ? Buffer.from(data) : data;
    const head = Buffer.allocUnsafe(20);
    head.writeUInt32BE(OPTION_REPLY_MAGIC_HIGH, 0);
    head.writeUInt32BE(OPTION_REPLY_MAGIC_LOW, 4);
    head.writeUInt32BE(option, 8);
    head.writeUInt32BE(type, 12);
    head.writeUInt32BE(body.length, 16);
    this.socket.write(Buffer.concat([head, body]));
  }

  private refuse(option: number, type: number, message: string): void {
    this.reply(option, type, message);
  }

  private async startTls(data: Buffer): Promise<void> {
    const { tls } = this.options;
    if (tls === undefined) this.refuse(OPT_STARTTLS, REP_ERR_POLICY, 'the server does without TLS');
    else if (data.length > 0 || this.encrypted) this.refuse(OPT_STARTTLS, REP_ERR_INVALID, 'not now');
    else {
      // What came in the clear behind the option would be taken for what came encrypted.
      if (this.socket.readableLength > 0)
        throw new HandshakeEnd('bytes between NBD_OPT_STARTTLS and TLS', true);
      this.reply(OPT_STARTTLS, REP_ACK);
      try {
        this.socket = await tls(this.socket);
      } catch (error) {
        throw new HandshakeEnd(`TLS: ${(error as Error).message}`, false);
      }
      this.reader = new ByteReader(this.socket);
      this.encrypted = true;
      // What was agreed on in the clear is void.
      this.structured = false;
      this.allocationFor = undefined;
    }
  }

  /** u32 length of name, name, and the rest for people to read. */
  private list(data: Buffer): void {
    if (data.length > 0) {
      this.refuse(OPT_LIST, REP_ERR_INVALID, 'an option without data');
      return;
    }
    this.socket.cork();
    for (const { name, description, device } of this.options.exports) {
      const bytes = Buffer.from(name);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      this.reply(
        OPT_LIST,
        REP_SERVER,
        Buffer.concat([length, bytes, Buffer.from(description ?? device.description)]),
      );
    }
    this.reply(OPT_LIST, REP_ACK);
    this.socket.uncork();
  }

  private termsOf(found: NbdExport): Terms {
    const { device } = found;
    return {
      name: found.name,
      device,
      size: device.size,
      readOnly: found.readOnly === true || device.readOnly,
      structured: this.structured,
      allocation: this.structured && this.allocationFor === found ? ALLOCATION_ID : undefined,
    };
  }

  private exportName(data: Buffer): Terms {
    const name = decodeString(data, 'NBD_OPT_EXPORT_NAME');
    const found = this.options.shuttingDown() ? undefined : this.options.exports.find(name);
    if (found === undefined) throw new HandshakeEnd(`there is no export '${name}'`, false);
    const terms = this.termsOf(found);
    const answer = Buffer.alloc(this.noZeroes ? 10 : 134);
    answer.writeBigUInt64BE(BigInt(terms.size), 0);
    answer.writeUInt16BE(transmissionFlags(terms), 8);
    this.socket.write(answer);
    return terms;
  }

  private info(option: number, data: Buffer): Terms | undefined {
    const { name, requests } = decodeInfoOption(data);
    const found = this.options.exports.find(name);
    if (found === undefined) {
      this.refuse(option, REP_ERR_UNKNOWN, `there is no export '${name}'`);
      return undefined;
    }
    const terms = this.termsOf(found);
    this.socket.cork();
    for (const info of new Set([INFO_EXPORT, ...requests])) {
      const body = infoOf(info, found, terms);
      if (body !== undefined) this.reply(option, REP_INFO, body);
    }
    this.reply(option, REP_ACK);
    this.socket.uncork();
    return option === OPT_GO ? terms : undefined;
  }

  /** u32 id of the context, its name. */
  private metaContext(option: number, data: Buffer): void {
    const { name, queries } = decodeMetaContextOption(data);
    const found = this.options.exports.find(name);
    const set = option === OPT_SET_META_CONTEXT;
    if (set) this.allocationFor = undefined;
    if (!this.structured) this.refuse(option, REP_ERR_INVALID, 'structured replies come first');
    else if (queries.some(query => !query.includes(':')))
      this.refuse(option, REP_ERR_INVALID, 'a query without a namespace');
    else if (found === undefined) this.refuse(option, REP_ERR_UNKNOWN, `there is no export '${name}'`);
    else {
      const chosen =
        queries.includes(BASE_ALLOCATION) || (!set && (queries.length === 0 || queries.includes('base:')));
      if (chosen) {
        const id = Buffer.alloc(4);
        if (set) {
          id.writeUInt32BE(ALLOCATION_ID);
          this.allocationFor = found;
        }
        this.reply(option, REP_META_CONTEXT, Buffer.concat([id, Buffer.from(BASE_ALLOCATION)]));
      }
      this.reply(option, REP_ACK);
    }
  }
}

function transmissionFlags({ device, readOnly, structured }: Terms): number {
  let flags = FLAG_HAS_FLAGS | FLAG_SEND_FLUSH | FLAG_SEND_FUA | FLAG_CAN_MULTI_CONN | FLAG_SEND_CACHE;
  if (structured) flags |= FLAG_SEND_DF;
  if (readOnly) return flags | FLAG_READ_ONLY;
  flags |= FLAG_SEND_TRIM | FLAG_SEND_WRITE_ZEROES;
  return device.fastZero ? flags | FLAG_SEND_FAST_ZERO : flags;
}

/** An item of information: u16 type, and what belongs to it. */
function infoOf(info: number, found: NbdExport, terms: Terms): Buffer | undefined {
  const type = Buffer.alloc(2);
  type.writeUInt16BE(info);
  if (info === INFO_NAME) return Buffer.concat([type, Buffer.from(found.name)]);
  if (info === INFO_DESCRIPTION)
    return Buffer.concat([type, Buffer.from(found.description ?? found.device.description)]);
  if (info === INFO_EXPORT) {
    const body = Buffer.alloc(10);
    body.writeBigUInt64BE(BigInt(terms.size), 0);
    body.writeUInt16BE(transmissionFlags(terms), 8);
    return Buffer.concat([type, body]);
  }
  if (info === INFO_BLOCK_SIZE) {
    const { minimum, preferred, maximum } = blockSizesOf(found.device);
    const body = Buffer.alloc(12);
    body.writeUInt32BE(minimum, 0);
    body.writeUInt32BE(preferred, 4);
    body.writeUInt32BE(maximum, 8);
    return Buffer.concat([type, body]);
  }
  return undefined;
}
