import { formatJson } from '../../base/format.ts';

/** A value that rbd writes: text, or a number or truth value as it is. */
export type Scalar = string | number | bigint | boolean;

interface Node {
  /** Names the element in XML, and the member in an object of JSON. */
  readonly name: string;
  readonly kind: 'object' | 'array' | 'value';
  readonly children: Node[];
  readonly value?: Scalar;
}

const XML_ENTITIES: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  "'": '&apos;',
  '"': '&quot;',
};

function xmlText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
  return text.replace(/[<>&'"\u0000-\u0008\u000b-\u001f\u007f]/g, char => {
    return XML_ENTITIES[char] ?? `&#x${char.charCodeAt(0).toString(16).padStart(2, '0')};`;
  });
}

/**
 * What a verb has to say in json or xml: sections and values, in order (common/Formatter.h). Sections of arrays have names too,
 * which only XML shows.
 */
export class Formatter {
  private readonly format: 'json' | 'xml';
  private readonly pretty: boolean;
  private readonly top: Node = { name: '', kind: 'array', children: [] };
  private readonly open: Node[] = [this.top];

  constructor(format: 'json' | 'xml', pretty: boolean) {
    this.format = format;
    this.pretty = pretty;
  }

  private section(name: string, kind: 'object' | 'array', fill: () => void): void {
    const node: Node = { name, kind, children: [] };
    this.open[this.open.length - 1].children.push(node);
    this.open.push(node);
    fill();
    this.open.pop();
  }

  object(name: string, fill: () => void): void {
    this.section(name, 'object', fill);
  }

  array(name: string, fill: () => void): void {
    this.section(name, 'array', fill);
  }

  value(name: string, value: Scalar): void {
    this.open[this.open.length - 1].children.push({ name, kind: 'value', children: [], value });
  }

  /** All of it, with a line end. */
  toString(): string {
    const texts = this.top.children.map(node =>
      this.format === 'json' ? `${formatJson(toJson(node), this.pretty)}\n` : this.xml(node, 0),
    );
    return texts.join('') + (this.format === 'xml' ? '\n' : '');
  }

  private xml(node: Node, depth: number): string {
    const name = node.name.replaceAll(' ', '_');
    const indent = this.pretty ? ' '.repeat(depth) : '';
    const end = this.pretty ? '\n' : '';
    if (node.kind === 'value') return `${indent}<${name}>${xmlText(String(node.value))}</${name}>${end}`;
    const inner = node.children.map(child => this.xml(child, depth + 1)).join('');
    return `${indent}<${name}>${end}${inner}${indent}</${name}>${end}`;
  }
}

function toJson(node: Node): unknown {
  if (node.kind === 'value') return node.value;
  if (node.kind === 'array') return node.children.map(toJson);
  return new Map(node.children.map(child => [child.name, toJson(child)]));
}
