/**
 * Bytes as Ceph shows them (bufferlist::hexdump): 16 a line with their offset, then as text; equal lines in a row
 * are one '*', and the length comes last. Nothing for no bytes.
 *
 *     00000000  68 65 6c 6c 6f                                    |hello|
 *     00000005
 */
export function hexdump(bytes: Uint8Array): string {
  if (bytes.length === 0) return '';
  const lines: string[] = [];
  let starred = false;
  const offset = (n: number) => n.toString(16).padStart(8, '0');
  for (let at = 0; at < bytes.length; at += 16) {
    const line = bytes.subarray(at, at + 16);
    const repeats = at >= 16 && line.length === 16 && sameAs(line, bytes.subarray(at - 16, at));
    if (repeats && at + 16 < bytes.length) {
      if (!starred) lines.push('*');
      starred = true;
      continue;
    }
    starred = false;
    lines.push(`${offset(at)}  ${hex(line)}  |${text(line)}|`);
  }
  lines.push(offset(bytes.length));
  return `${lines.join('\n')}\n`;
}

function sameAs(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function hex(line: Uint8Array): string {
  let out = '';
  for (let i = 0; i < 16; i++) {
    if (i === 8) out += ' ';
    out += i < line.length ? `${line[i].toString(16).padStart(2, '0')} ` : '   ';
  }
  return out.slice(0, -1);
}

function text(line: Uint8Array): string {
  let out = '';
  for (const byte of line) out += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.';
  return out;
}
