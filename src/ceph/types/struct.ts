import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import type { Codec } from './codec.ts';
import type { Features } from './features.ts';

// Structs described by a table of fields: see `struct`.

/** A field of a struct that has not always been there. */
export interface Field<T> extends Codec<T> {
  /** First version of the struct that has it. */
  readonly since?: number;
  /** Not part of the value: forgotten when read. */
  readonly hidden?: boolean;
  /** What is written, when it follows from other fields of the struct. */
  readonly from?: (value: never) => T;
}

/** `zero`: what the value is for versions before. */
export function since<T>(version: number, codec: Codec<T>, zero: () => T = codec.zero): Field<T> {
  return { ...codec, zero, since: version };
}

declare const HIDDEN: unique symbol;
/** A field that nobody uses any more. */
export interface Hidden extends Field<unknown> {
  readonly [HIDDEN]: true;
}

/** Something that is no longer used: read and dropped, written as its zero value. */
export function unused<T>(codec: Codec<T>, zero: T = codec.zero()): Hidden {
  const hidden: Field<unknown> = {
    min: codec.min,
    zero: () => undefined,
    encode: (e, _v, features) => codec.encode(e, zero, features),
    decode: codec.decode,
    hidden: true,
  };
  return hidden as Hidden;
}

/** Something that older readers want and that follows from the rest of the struct `V`. */
export function derived<T, V>(codec: Codec<T>, from: (value: V) => T): Hidden {
  const hidden: Field<unknown> = {
    ...(codec as unknown as Codec<unknown>),
    zero: () => undefined,
    hidden: true,
    from: from as (value: never) => unknown,
  };
  return hidden as Hidden;
}

export function unusedSince<T>(version: number, codec: Codec<T>, zero: T = codec.zero()): Hidden {
  return { ...unused(codec, zero), since: version };
}

interface AnyField {
  readonly encode: (e: Encoder, value: never, features?: Features) => void;
  readonly decode: (d: Decoder) => unknown;
  readonly min: number;
  readonly zero: () => unknown;
}

type Fields = Readonly<Record<string, AnyField>>;

type Visible<S> = {
  readonly [K in keyof S as S[K] extends Hidden ? never : K]: S[K] extends { zero: () => infer T }
    ? T
    : never;
};

/** The interface that a table of fields describes. */
export type ValueOf<C> = C extends { zero: () => infer T } ? T : never;

export interface Versioned {
  /**
   * Version of the encoding when it is not the one that we write: a decoded value is written again as it came.
   * Values made here leave it out.
   */
  readonly structV?: number;
}

interface Compiled extends Field<unknown> {
  readonly name: string;
}

function compile(fields: Fields): Compiled[] {
  return Object.entries(fields).map(([name, field]) => ({ ...(field as Field<unknown>), name }));
}

/**
 * An object with all visible fields, to be copied and filled in. Objects that get their fields one by one by
 * computed names end as hash tables after a dozen; copies of one that a parser made keep its layout.
 */
function templateOf(fields: readonly Compiled[]): Record<string, unknown> {
  const names = fields.filter(f => f.hidden !== true).map(f => `${JSON.stringify(f.name)}:null`);
  return JSON.parse(`{${names.join(',')}}`) as Record<string, unknown>;
}

function zeroOf(fields: readonly Compiled[]): Record<string, unknown> {
  const value = templateOf(fields);
  for (const f of fields) if (f.hidden !== true) value[f.name] = f.zero();
  return value;
}

/** Fields one after another, without a head. */
export function plain<S>(table: S & Fields): Codec<Visible<S>> {
  const fields = compile(table);
  let min = 0;
  for (const f of fields) min += f.min;
  const template = templateOf(fields);
  const codec: Codec<Record<string, unknown>> = {
    min,
    zero: () => zeroOf(fields),
    encode: (e, value, features) => {
      for (let i = 0; i < fields.length; i++) fields[i].encode(e, value[fields[i].name], features);
    },
    decode: d => {
      const value = { ...template };
      for (let i = 0; i < fields.length; i++) {
        const f = fields[i];
        const v = f.decode(d);
        if (f.hidden !== true) value[f.name] = v;
      }
      return value;
    },
  };
  return codec as unknown as Codec<Visible<S>>;
}

export interface StructForm {
  /** Version that we write: that of 16.2. */
  readonly version: number;
  /** Newest version whose fields we know; `version` when absent. */
  readonly known?: number;
  /** Oldest reader that can read what is written in some version. */
  readonly compat: number | ((version: number) => number);
  /** First versions with a compat byte and with a length (DECODE_START_LEGACY_COMPAT_LEN). */
  readonly legacy?: readonly [compatSince: number, lengthSince: number];
  /** Oldest version that can be read. */
  readonly oldest?: number;
}

/**
 * A versioned struct (ENCODE_START): the head, then the fields that its version has. What newer versions
 * append is skipped; fields that older ones lack have their zero value.
 */
export function struct<S>(name: string, form: StructForm, table: S & Fields): Codec<Visible<S> & Versioned> {
  const fields = compile(table);
  const known = form.known ?? form.version;
  const { compat, legacy } = form;
  const template = templateOf(fields);
  const codec: Codec<Record<string, unknown>> = {
    min: legacy === undefined ? 6 : 1,
    zero: () => zeroOf(fields),
    encode: (e, value, features) => {
      const wanted = value['structV'] as number | undefined;
      const v = wanted === undefined ? form.version : Math.min(wanted, known);
      const mark = e.start(v, typeof compat === 'number' ? compat : compat(v));
      for (let i = 0; i < fields.length; i++) {
        const f = fields[i];
        if (f.since !== undefined && v < f.since) continue;
        f.encode(e, f.from === undefined ? value[f.name] : f.from(value as never), features);
      }
      e.finish(mark);
    },
    decode: d => {
      const end =
        legacy === undefined ? d.start(name, known) : d.startLegacy(name, known, legacy[0], legacy[1]);
      const v = d.structV;
      if (v < (form.oldest ?? 1)) d.fail(`version ${v} is too old`);
      const value = { ...template };
      for (let i = 0; i < fields.length; i++) {
        const f = fields[i];
        if (f.since !== undefined && v < f.since) {
          if (f.hidden !== true) value[f.name] = f.zero();
          continue;
        }
        const field = f.decode(d);
        if (f.hidden !== true) value[f.name] = field;
      }
      if (v !== form.version) value['structV'] = v;
      d.finish(end);
      return value;
    },
  };
  return codec as unknown as Codec<Visible<S> & Versioned>;
}
