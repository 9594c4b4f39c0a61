import {
  type BucketNode,
  type ChooseArgNode,
  type ChooseArgsNode,
  CrushCompileError,
  type CrushNode,
  type DeviceNode,
  type ItemNode,
  type RuleNode,
  type StepNode,
  type TunableNode,
  type TypeNode,
} from './grammar.ts';

const SET_STEPS = [
  'set_choose_tries',
  'set_choose_local_tries',
  'set_choose_local_fallback_tries',
  'set_chooseleaf_tries',
  'set_chooseleaf_vary_r',
  'set_chooseleaf_stable',
] as const;

/** Thrown inside the parser where an alternative does not fit; it never leaves this file. */
const NO_MATCH = Symbol('no match');

/** What strtol makes of it, cut to 32 bits. */
function toInt(text: string): number {
  if (text.length <= 15) return Number(text) | 0;
  const wide = BigInt(text);
  const limit = 1n << 63n;
  const clamped = wide >= limit ? limit - 1n : wide < -limit ? -limit : wide;
  return Number(BigInt.asIntN(32, clamped));
}

class Parser {
  private readonly text: string;
  private at = 0;
  /** How far any alternative came: where the error is. */
  private furthest = 0;

  constructor(text: string) {
    // Comments become blanks, so that offsets stay.
    this.text = text.replace(/#[^\n]*/g, comment => ' '.repeat(comment.length));
  }

  private skip(): number {
    const { text } = this;
    let { at } = this;
    for (; at < text.length; at++) {
      const c = text.charCodeAt(at);
      if (c !== 32 && (c < 9 || c > 13)) break;
    }
    this.at = at;
    if (at > this.furthest) this.furthest = at;
    return at;
  }

  private match(pattern: RegExp): string {
    const at = this.skip();
    pattern.lastIndex = at;
    const found = pattern.exec(this.text);
    if (found === null) throw NO_MATCH;
    this.at = at + found[0].length;
    return found[0];
  }

  private word(literal: string): void {
    const at = this.skip();
    if (!this.text.startsWith(literal, at)) throw NO_MATCH;
    this.at = at + literal.length;
  }

  private oneOf<T extends string>(...literals: T[]): T {
    const at = this.skip();
    for (const literal of literals) {
      if (!this.text.startsWith(literal, at)) continue;
      this.at = at + literal.length;
      return literal;
    }
    throw NO_MATCH;
  }

  private name(): string {
    return this.match(/[A-Za-z0-9_.-]+/y);
  }

  private posint(): number {
    return toInt(this.match(/\d+/y));
  }

  private negint(): number {
    return toInt(this.match(/-\d+/y));
  }

  private integer(): number {
    return toInt(this.match(/-?\d+/y));
  }

  private real(): string {
    return this.match(/[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y);
  }

  /** The value, or undefined and back to where it began. */
  private maybe<T>(parse: () => T): T | undefined {
    const { at } = this;
    try {
      return parse();
    } catch (error) {
      if (error !== NO_MATCH) throw error;
      this.at = at;
      return undefined;
    }
  }

  private many<T>(parse: () => T): T[] {
    const list: T[] = [];
    for (let value = this.maybe(parse); value !== undefined; value = this.maybe(parse)) list.push(value);
    return list;
  }

  private either<T>(...alternatives: (() => T)[]): T {
    for (const parse of alternatives) {
      const value = this.maybe(parse);
      if (value !== undefined) return value;
    }
    throw NO_MATCH;
  }

  private lineStarts: number[] | undefined;

  lineOf(offset: number): number {
    if (this.lineStarts === undefined) {
      this.lineStarts = [0];
      for (let i = this.text.indexOf('\n'); i >= 0; i = this.text.indexOf('\n', i + 1))
        this.lineStarts.push(i + 1);
    }
    let low = 0;
    let high = this.lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.lineStarts[middle] <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  private line(): number {
    return this.lineOf(this.skip());
  }

  private deviceClass(): string | undefined {
    return this.maybe(() => {
      this.word('class');
      return this.name();
    });
  }

  private readonly tunable = (): TunableNode => {
    const line = this.line();
    this.word('tunable');
    return { kind: 'tunable', line, name: this.name(), value: this.posint() };
  };

  private readonly device = (): DeviceNode => {
    const line = this.line();
    this.word('device');
    return { kind: 'device', line, id: this.posint(), name: this.name(), deviceClass: this.deviceClass() };
  };

  private readonly type = (): TypeNode => {
    const line = this.line();
    this.word('type');
    return { kind: 'type', line, id: this.posint(), name: this.name() };
  };

  private readonly item = (): ItemNode => {
    const line = this.line();
    this.word('item');
    const name = this.name();
    const weight = this.maybe(() => {
      this.word('weight');
      return this.real();
    });
    const pos = this.maybe(() => {
      this.word('pos');
      return this.posint();
    });
    return { line, name, weight, pos };
  };

  private readonly bucket = (): BucketNode => {
    const line = this.line();
    const type = this.name();
    const name = this.name();
    this.word('{');
    const ids = this.many(() => {
      this.word('id');
      return { id: this.negint(), deviceClass: this.deviceClass() };
    });
    this.word('alg');
    const alg = this.name();
    const hashes = this.many(() => {
      this.word('hash');
      const hash = this.maybe(() => this.integer());
      if (hash === undefined) this.word('rjenkins1');
      return hash ?? 0;
    });
    const items = this.many(this.item);
    this.word('}');
    return { kind: 'bucket', line, type, name, ids, alg, hash: hashes.at(-1) ?? 0, items };
  };

  private chooseStep(word: string, line: number): StepNode {
    this.word(word);
    const mode = this.oneOf('indep', 'firstn');
    const value = this.integer();
    this.word('type');
    return { line, op: `${word} ${mode}`, name: this.name(), deviceClass: undefined, value };
  }

  private readonly step = (): StepNode => {
    const line = this.line();
    this.word('step');
    const none = { line, name: '', deviceClass: undefined, value: 0 };
    return this.either<StepNode>(
      () => {
        this.word('take');
        return { ...none, op: 'take', name: this.name(), deviceClass: this.deviceClass() };
      },
      ...SET_STEPS.map(op => () => {
        this.word(op);
        return { ...none, op, value: this.posint() };
      }),
      () => this.chooseStep('choose', line),
      () => this.chooseStep('chooseleaf', line),
      () => {
        this.word('emit');
        return { ...none, op: 'emit' };
      },
    );
  };

  private readonly rule = (): RuleNode => {
    const line = this.line();
    this.word('rule');
    const name = this.maybe(() => this.name()) ?? '';
    this.word('{');
    this.oneOf('id', 'ruleset');
    const id = this.posint();
    this.word('type');
    const type = this.oneOf('replicated', 'erasure');
    this.word('min_size');
    const minSize = this.posint();
    this.word('max_size');
    const maxSize = this.posint();
    const steps = this.many(this.step);
    if (steps.length === 0) throw NO_MATCH;
    this.word('}');
    return { kind: 'rule', line, name, id, type, minSize, maxSize, steps };
  };

  private readonly chooseArg = (): ChooseArgNode => {
    const line = this.line();
    this.word('{');
    this.word('bucket_id');
    const bucketId = this.negint();
    const weightSet = this.maybe(() => {
      this.word('weight_set');
      this.word('[');
      const sets = this.many(() => {
        this.word('[');
        const weights = this.many(() => this.real());
        this.word(']');
        return weights;
      });
      this.word(']');
      return sets;
    });
    const ids = this.maybe(() => {
      this.word('ids');
      this.word('[');
      const list = this.many(() => this.integer());
      this.word(']');
      return list;
    });
    this.word('}');
    return { line, bucketId, weightSet: weightSet ?? [], ids };
  };

  private readonly chooseArgs = (): ChooseArgsNode => {
    const line = this.line();
    this.word('choose_args');
    const id = this.posint();
    this.word('{');
    const args = this.many(this.chooseArg);
    this.word('}');
    return { kind: 'choose_args', line, id, args };
  };

  parse(): CrushNode[] {
    const nodes: CrushNode[] = [
      ...this.many<CrushNode>(() => this.either<CrushNode>(this.tunable, this.device, this.type)),
      ...this.many<CrushNode>(() => this.either<CrushNode>(this.bucket, this.rule)),
      ...this.many<CrushNode>(this.chooseArgs),
    ];
    if (this.skip() < this.text.length) {
      const line = this.lineOf(this.furthest);
      const end = this.text.indexOf('\n', this.furthest);
      const rest = this.text.slice(this.furthest, end < 0 ? undefined : end).trimEnd();
      throw new CrushCompileError(line, `parse error at '${rest.slice(0, 200)}'`);
    }
    return nodes;
  }
}

/**
 * Takes a text apart.
 * @throws CrushCompileError
 */
export function parseCrushText(text: string): CrushNode[] {
  return new Parser(text).parse();
}
