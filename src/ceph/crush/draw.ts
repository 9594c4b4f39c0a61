/*
 * The draws of straw and straw2 buckets: 16 bits of hash32_3(x, id, r) for every item. They are most of what a
 * placement costs, so four are hashed at a time, by a function of WebAssembly's 128-bit integers that is put
 * together here; where that is not to be had, one at a time.
 */

const SEED = 1315423911;
const U = 231232;
const V = 1232;

/** Memory of the function in pages of 64 KiB: draws in the first, ids of buckets in the others. */
const PAGES = 17;
const PAGE = 0x10000;
/** Items of a bucket whose draws fit. */
const CAPACITY = PAGE / 4;

/** Where draws are left, and with the function its whole memory. */
let words: Int32Array = new Int32Array(CAPACITY);

/** Hashes the ids from byte `at` to byte `end` of its memory; undefined: one at a time. */
let drawFour: ((x: number, r: number, at: number, end: number) => void) | undefined;

/** Goes up when the memory is full and is filled anew; ids that were placed before are no longer there. */
let generation = 0;
/** Next free byte. */
let free = PAGE;

/** The ids of a bucket's items, or what choose_args put in their place. */
export class DrawIds {
  readonly list: Int32Array;
  /** First byte in the function's memory, in this generation. */
  at = 0;
  generation = -1;

  constructor(ids: readonly number[]) {
    this.list = Int32Array.from(ids);
  }
}

/**
 * Copies ids to where the function reads them. They stay there: a vector is read much later than it was written
 * when it was written in parts.
 */
function place(ids: DrawIds): void {
  const bytes = (ids.list.length * 4 + 15) & ~15;
  if (free + bytes > PAGES * PAGE) {
    free = PAGE;
    generation++;
  }
  words.set(ids.list, free / 4);
  ids.at = free;
  ids.generation = generation;
  free += bytes;
}

// Opcodes (webassembly.github.io/spec, "Binary Format"); those of 128 bits come behind a prefix.
const GET = 0x20;
const SET = 0x21;
const ADD = 0x6a;
const XOR = 0x73;
const LESS = 0x49;
const CONST = 0x41;
const SIMD = 0xfd;
const V_LOAD = [SIMD, 0x00, 4, 0];
const V_STORE = [SIMD, 0x0b, 4, 0];
const V_SPLAT = [SIMD, 0x11];
const V_AND = [SIMD, 0x4e];
const V_XOR = [SIMD, 0x51];
const V_SHL = [SIMD, 0xab, 0x01];
const V_SHR = [SIMD, 0xad, 0x01];
const V_SUB = [SIMD, 0xb1, 0x01];

/** LEB128 of a signed 32-bit number. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7) {
    const last = rest >> 6 === 0 || rest >> 6 === -1;
    bytes.push(last ? rest & 0x7f : (rest & 0x7f) | 0x80);
    if (last) return bytes;
  }
}

/** LEB128 of a length. */
function uleb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}

function section(id: number, ...content: number[]): number[] {
  return [id, ...uleb(content.length), ...content];
}

/** target = (target - p - q) ^ (q shifted), on locals. */
function mixLine(target: number, p: number, q: number, shift: number[], by: number): number[] {
  const difference = [GET, target, GET, p, ...V_SUB, GET, q, ...V_SUB];
  return [...difference, GET, q, CONST, ...leb(by), ...shift, ...V_XOR, SET, target];
}

/** One mix of Jenkins' hash, on locals. */
function mix(a: number, b: number, c: number): number[] {
  const code: number[] = [];
  for (const [first, second, third] of [
    [13, 8, 13],
    [12, 16, 5],
    [3, 10, 15],
  ]) {
    code.push(...mixLine(a, b, c, V_SHR, first));
    code.push(...mixLine(b, c, a, V_SHL, second));
    code.push(...mixLine(c, a, b, V_SHR, third));
  }
  return code;
}

/** The module: memory 0 and draw(x, r, at, end), both exported. */
function moduleBytes(): Uint8Array<ArrayBuffer> {
  // Locals: the four parameters, where the next draws go, then vectors.
  const [x, r, at, end, out] = [0, 1, 2, 3, 4];
  const [a, b, c, h, u, v, xs, rs, seeds] = [5, 6, 7, 8, 9, 10, 11, 12, 13];
  const splat = (value: number) => [CONST, ...leb(value), ...V_SPLAT];
  const body = [
    ...[GET, x, ...V_SPLAT, SET, xs],
    ...[GET, r, ...V_SPLAT, SET, rs],
    ...[GET, x, GET, r, XOR, CONST, ...leb(SEED), XOR, ...V_SPLAT, SET, seeds],
    ...[0x03, 0x40],
    ...[GET, xs, SET, a, GET, at, ...V_LOAD, SET, b, GET, rs, SET, c],
    ...[GET, seeds, GET, b, ...V_XOR, SET, h],
    ...[...splat(U), SET, u, ...splat(V), SET, v],
    ...[...mix(a, b, h), ...mix(c, u, h), ...mix(v, a, h), ...mix(b, u, h), ...mix(v, c, h)],
    ...[GET, out, GET, h, ...splat(0xffff), ...V_AND, ...V_STORE],
    ...[GET, out, CONST, 16, ADD, SET, out],
    ...[GET, at, CONST, 16, ADD, SET, at],
    ...[GET, at, GET, end, LESS, 0x0d, 0],
    0x0b,
    0x0b,
  ];
  const I32 = 0x7f;
  const V128 = 0x7b;
  const code = [2, 1, I32, 9, V128, ...body];
  const name = (text: string) => [text.length, ...Buffer.from(text)];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 4, I32, I32, I32, I32, 0),
    ...section(3, 1, 0),
    ...section(5, 1, 0, PAGES),
    ...section(7, 2, ...name('memory'), 2, 0, ...name('draw'), 0, 0),
    ...section(10, 1, ...uleb(code.length), ...code),
  ]);
}

interface DrawExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly draw: (x: number, r: number, at: number, end: number) => void;
}

/** What of WebAssembly is used; the standard library types of the project have no web. */
interface Wasm {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
}

let tried = false;

/** Makes the function for four at a time, the first time; call it before drawing from a bucket so large. */
export function prepareDraws(largest: number): void {
  if (!tried) {
    tried = true;
    try {
      const { Module, Instance } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
      const { memory, draw } = new Instance(new Module(moduleBytes())).exports as DrawExports;
      words = new Int32Array(memory.buffer);
      drawFour = draw;
    } catch {
      // No WebAssembly, or none with vectors on this machine.
    }
  }
  if (largest > CAPACITY && largest > words.length) words = new Int32Array(largest);
  if (largest > CAPACITY) drawFour = undefined;
}

/** The same one at a time. Also what the vectors are tested against. */
export function drawEach(x: number, r: number, size: number, ids: Int32Array, out: Int32Array): void {
  for (let i = 0; i < size; i++) {
    let a = x | 0;
    let b = ids[i];
    let c = r | 0;
    let h = SEED ^ a ^ b ^ c;
    let u = U;
    let v = V;
    // mix(a, b, h)
    a = (a - b - h) ^ (h >>> 13);
    b = (b - h - a) ^ (a << 8);
    h = (h - a - b) ^ (b >>> 13);
    a = (a - b - h) ^ (h >>> 12);
    b = (b - h - a) ^ (a << 16);
    h = (h - a - b) ^ (b >>> 5);
    a = (a - b - h) ^ (h >>> 3);
    b = (b - h - a) ^ (a << 10);
    h = (h - a - b) ^ (b >>> 15);
    // mix(c, u, h)
    c = (c - u - h) ^ (h >>> 13);
    u = (u - h - c) ^ (c << 8);
    h = (h - c - u) ^ (u >>> 13);
    c = (c - u - h) ^ (h >>> 12);
    u = (u - h - c) ^ (c << 16);
    h = (h - c - u) ^ (u >>> 5);
    c = (c - u - h) ^ (h >>> 3);
    u = (u - h - c) ^ (c << 10);
    h = (h - c - u) ^ (u >>> 15);
    // mix(v, a, h)
    v = (v - a - h) ^ (h >>> 13);
    a = (a - h - v) ^ (v << 8);
    h = (h - v - a) ^ (a >>> 13);
    v = (v - a - h) ^ (h >>> 12);
    a = (a - h - v) ^ (v << 16);
    h = (h - v - a) ^ (a >>> 5);
    v = (v - a - h) ^ (h >>> 3);
    a = (a - h - v) ^ (v << 10);
    h = (h - v - a) ^ (a >>> 15);
    // mix(b, u, h)
    b = (b - u - h) ^ (h >>> 13);
    u = (u - h - b) ^ (b << 8);
    h = (h - b - u) ^ (u >>> 13);
    b = (b - u - h) ^ (h >>> 12);
    u = (u - h - b) ^ (b << 16);
    h = (h - b - u) ^ (u >>> 5);
    b = (b - u - h) ^ (h >>> 3);
    u = (u - h - b) ^ (b << 10);
    h = (h - b - u) ^ (u >>> 15);
    // mix(v, c, h)
    v = (v - c - h) ^ (h >>> 13);
    c = (c - h - v) ^ (v << 8);
    h = (h - v - c) ^ (c >>> 13);
    v = (v - c - h) ^ (h >>> 12);
    c = (c - h - v) ^ (v << 16);
    h = (h - v - c) ^ (c >>> 5);
    v = (v - c - h) ^ (h >>> 3);
    c = (c - h - v) ^ (v << 10);
    h = (h - v - c) ^ (c >>> 15);
    out[i] = h & 0xffff;
  }
}

/**
 * Draws for all items.
 * @returns draws by position, until the next call
 */
export function drawAll(x: number, r: number, ids: DrawIds): Int32Array {
  const { list } = ids;
  if (drawFour === undefined) {
    drawEach(x, r, list.length, list, words);
    return words;
  }
  if (ids.generation !== generation) place(ids);
  drawFour(x, r, ids.at, ids.at + list.length * 4);
  return words;
}
