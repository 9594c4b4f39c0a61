import { NacreError } from '../../base/errors.ts';

/** Four bytes as '1.2.3.4'. */
export function ipv4Text(b: Uint8Array): string {
  return `${b[0]}.${b[1]}.${b[2]}.${b[3]}`;
}

/** Sixteen bytes as inet_ntop(3) writes them: lower case, the longest run of zeros as '::'. */
export function ipv6Text(b: Uint8Array): string {
  const words: number[] = [];
  for (let i = 0; i < 16; i += 2) words.push((b[i] << 8) | b[i + 1]);
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && words[i + n] === 0) n++;
    if (n > bestLength) {
      best = i;
      bestLength = n;
    }
    if (n > 0) i += n - 1;
  }
  // Addresses of IPv4 in IPv6 keep their dotted tail.
  const dotted = best === 0 && (bestLength === 6 || (bestLength === 5 && words[5] === 0xffff));
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (best >= 0 && i >= best && i < best + bestLength) {
      if (i === best) text += ':';
      continue;
    }
    if (i !== 0) text += ':';
    if (i === 6 && dotted) return text + ipv4Text(b.subarray(12));
    text += words[i].toString(16);
  }
  return best >= 0 && best + bestLength === 8 ? `${text}:` : text;
}

function ipv4Bytes(text: string): Uint8Array | undefined {
  const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (m === null) return undefined;
  const b = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const part = m[i + 1];
    if (Number(part) > 255 || (part.length > 1 && part[0] === '0')) return undefined;
    b[i] = Number(part);
  }
  return b;
}

function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const words: number[] = [];
  const parts = text.split(':');
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (i === parts.length - 1 && part.includes('.')) {
      const v4 = ipv4Bytes(part);
      if (v4 === undefined) return undefined;
      words.push((v4[0] << 8) | v4[1], (v4[2] << 8) | v4[3]);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) words.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return words;
}

function ipv6Bytes(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]);
  const tail = halves.length === 2 ? groups(halves[1]) : [];
  if (head === undefined || tail === undefined) return undefined;
  const known = head.length + tail.length;
  if (halves.length === 2 ? known > 7 : known !== 8) return undefined;
  const b = new Uint8Array(16);
  const put = (words: readonly number[], at: number): void => {
    for (let i = 0; i < words.length; i++) {
      b[(at + i) * 2] = words[i] >> 8;
      b[(at + i) * 2 + 1] = words[i];
    }
  };
  put(head, 0);
  put(tail, 8 - tail.length);
  return b;
}

/** Whether the text is an IPv4 or IPv6 address (no brackets, no port). */
export function isIp(text: string): boolean {
  return ipv4Bytes(text) !== undefined || (text.includes(':') && ipv6Bytes(text) !== undefined);
}

/** Four or sixteen bytes in network order. @throws NacreError EINVAL when it is no address. */
export function ipBytes(text: string): Uint8Array {
  const b = ipv4Bytes(text) ?? (text.includes(':') ? ipv6Bytes(text) : undefined);
  if (b === undefined) throw new NacreError('EINVAL', 'ip', `'${text}' is not an IP address`);
  return b;
}
