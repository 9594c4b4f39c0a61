import {
  ADDR_ANY,
  ADDR_BLANK,
  ADDR_CIDR,
  ADDR_LEGACY,
  ADDR_MSGR2,
  ADDR_NONE,
  type EntityAddr,
  type EntityAddrVec,
  makeEntityAddr,
  sockaddrBytes,
} from './entity-addr.ts';
import { isIp } from './ip.ts';

/** '1.2.3.4:6800', '[::1]:6800'. */
export function sockaddrText(addr: EntityAddr): string {
  if (addr.family === 2) return `${addr.ip}:${addr.port}`;
  if (addr.family === 10) return `[${addr.ip}]:${addr.port}`;
  return `(unrecognized address family ${addr.family})`;
}

/** 'v2:1.2.3.4:6800/77'; '-' for none; without a prefix when the protocol is open. */
export function entityAddrText(addr: EntityAddr): string {
  if (addr.type === ADDR_NONE) return '-';
  const prefix =
    addr.type === ADDR_ANY
      ? ''
      : addr.type === ADDR_LEGACY
        ? 'v1:'
        : addr.type === ADDR_MSGR2
          ? 'v2:'
          : addr.type === ADDR_CIDR
            ? 'cidr:'
            : '???:';
  return `${prefix}${sockaddrText(addr)}/${addr.nonce}`;
}

/** '[v2:1.2.3.4:3300/0,v1:1.2.3.4:6789/0]'; a single address without brackets; '' for none. */
export function entityAddrVecText(vec: EntityAddrVec): string {
  if (vec.length === 0) return '';
  if (vec.length === 1) return entityAddrText(vec[0]);
  let text = '';
  for (const addr of vec) text += `${text === '' ? '[' : ','}${entityAddrText(addr)}`;
  return `${text}]`;
}

/** As protocol v1 shows it: '1.2.3.4:6800/77', without the prefix. */
export function legacyAddrText(addr: EntityAddr): string {
  return `${sockaddrText(addr)}/${addr.nonce}`;
}

/** A text that is equal for equal addresses: a key of maps. */
export function addrKey(addr: EntityAddr): string {
  return `${addr.type}:${addr.ip === '' ? addr.family : addr.ip}:${addr.port}/${addr.nonce}`;
}

export function addrVecKey(vec: EntityAddrVec): string {
  if (vec.length === 1) return addrKey(vec[0]);
  let key = '';
  for (const addr of vec) key += `${addrKey(addr)},`;
  return key;
}

export function sameAddr(a: EntityAddr, b: EntityAddr): boolean {
  return (
    a.port === b.port && a.nonce === b.nonce && a.type === b.type && a.family === b.family && a.ip === b.ip
  );
}

export function sameAddrVec(a: EntityAddrVec, b: EntityAddrVec): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!sameAddr(a[i], b[i])) return false;
  return true;
}

/** The same machine, whatever the port. */
export function sameHost(a: EntityAddr, b: EntityAddr): boolean {
  return a.ip !== '' && a.family === b.family && a.ip === b.ip;
}

function bytesOf(addr: EntityAddr): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt32LE(addr.type, 0);
  head.writeUInt32LE(addr.nonce, 4);
  head.writeUInt16LE(addr.family, 8);
  return Buffer.concat([head, sockaddrBytes(addr)]);
}

/** The order of C++'s maps of addresses: that of the bytes in memory. */
export function compareAddr(a: EntityAddr, b: EntityAddr): number {
  return Buffer.compare(bytesOf(a), bytesOf(b));
}

const PREFIXES: readonly (readonly [string, number])[] = [
  ['v1:', ADDR_LEGACY],
  ['v2:', ADDR_MSGR2],
  ['any:', ADDR_ANY],
];

/**
 * Reads one address at the start of the text: '[v1:|v2:|any:]HOST[:PORT][/NONCE]' where HOST is an IP address
 * (brackets around IPv6 are needed before a port), or '-' for none.
 * @returns the address and the length of what was read; undefined when there is none.
 */
export function scanEntityAddr(
  text: string,
  defaultType = ADDR_MSGR2,
): { addr: EntityAddr; length: number } | undefined {
  if (text.startsWith('-')) return { addr: ADDR_BLANK, length: 1 };
  let type = defaultType;
  let at = 0;
  for (const [prefix, meaning] of PREFIXES) {
    if (!text.startsWith(prefix)) continue;
    type = meaning;
    at = prefix.length;
  }
  const m =
    /^(?:\[([0-9a-fA-F:.]+)\]|(\d+\.\d+\.\d+\.\d+)|([0-9a-fA-F:]+))(?::(\d{1,5}))?(?:\/(\d{1,10}))?/.exec(
      text.slice(at),
    );
  if (m === null) return undefined;
  const ip = m[1] ?? m[2] ?? m[3];
  const port = Number(m[4] ?? 0);
  const nonce = Number(m[5] ?? 0);
  if (!isIp(ip) || port > 65535 || nonce > 0xffff_ffff) return undefined;
  return { addr: makeEntityAddr(type, ip.toLowerCase(), port, nonce), length: at + m[0].length };
}

/** The whole text as one address; undefined when it is none. */
export function parseEntityAddr(text: string, defaultType = ADDR_MSGR2): EntityAddr | undefined {
  const found = scanEntityAddr(text, defaultType);
  return found !== undefined && found.length === text.length ? found.addr : undefined;
}

/** '[v2:..,v1:..]', or a single address; undefined when it is neither. */
export function parseEntityAddrVec(text: string, defaultType = ADDR_MSGR2): EntityAddr[] | undefined {
  const single = parseEntityAddr(text, defaultType);
  if (single !== undefined) return [single];
  if (!text.startsWith('[') || !text.endsWith(']')) return undefined;
  const vec: EntityAddr[] = [];
  for (const part of text.slice(1, -1).split(',')) {
    const addr = parseEntityAddr(part, defaultType);
    if (addr === undefined) return undefined;
    vec.push(addr);
  }
  return vec;
}
