import { formatGeneral } from './printf.ts';

/** A number with the text to print it as. */
class RawNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toJSON(): number {
    return Number(this.text);
  }
}

/** A JSON number that is printed exactly so: '0.000000000'. */
export function rawNumber(text: string): object {
  return new RawNumber(text);
}

/** A float as Formatter::dump_float prints it: 17 significant digits. */
export function cephFloat(value: number): object {
  return new RawNumber(formatGeneral(value, 17));
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t' };
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
const ESCAPED = /["\\\u0000-\u001f\u007f]/g;

function quote(text: string): string {
  return `"${text.replace(
    ESCAPED,
    char => ESCAPES[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )}"`;
}

function write(value: unknown, indent: string, pretty: boolean): string {
  if (value === null || value === undefined) return 'null';
  if (value instanceof RawNumber) return value.text;
  if (typeof value === 'string') return quote(value);
  if (typeof value !== 'object') return String(value);
  const inner = `${indent}    `;
  const entries: string[] = [];
  const array = Array.isArray(value);
  if (array) for (const item of value) entries.push(write(item, inner, pretty));
  else
    for (const [key, item] of value instanceof Map ? value : Object.entries(value))
      if (item !== undefined)
        entries.push(`${quote(String(key))}:${pretty ? ' ' : ''}${write(item, inner, pretty)}`);
  const [open, close] = array ? '[]' : '{}';
  if (entries.length === 0) return open + close;
  if (!pretty) return open + entries.join(',') + close;
  return `${open}\n${inner}${entries.join(`,\n${inner}`)}\n${indent}${close}`;
}

/**
 * JSON as Ceph's JSONFormatter writes it: 'json' on one line without blanks, 'json-pretty' with four spaces.
 * bigint values are numbers, Maps are objects, undefined members are left out. Without a line end.
 */
export function formatJson(value: unknown, pretty = false): string {
  return write(value, '', pretty);
}
