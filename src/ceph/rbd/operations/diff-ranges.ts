// Sets of byte ranges as flat arrays: start, end, start, end ..., ascending, disjoint, not touching. They are small, and
// a diff makes many of them.

/** start, end, start, end ... */
export type Ranges = number[];

export function rangeOf(start: number, length: number): Ranges {
  return length > 0 ? [start, start + length] : [];
}

export function union(a: Ranges, b: Ranges): Ranges {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const out: Ranges = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const fromA = j >= b.length || (i < a.length && a[i] <= b[j]);
    const start = fromA ? a[i] : b[j];
    const end = fromA ? a[i + 1] : b[j + 1];
    if (fromA) i += 2;
    else j += 2;
    const last = out.length - 1;
    if (last > 0 && start <= out[last]) {
      if (end > out[last]) out[last] = end;
    } else out.push(start, end);
  }
  return out;
}

export function intersection(a: Ranges, b: Ranges): Ranges {
  const out: Ranges = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const start = Math.max(a[i], b[j]);
    const end = Math.min(a[i + 1], b[j + 1]);
    if (start < end) out.push(start, end);
    if (a[i + 1] < b[j + 1]) i += 2;
    else j += 2;
  }
  return out;
}

/** What is in `a` and not in `b`. */
export function difference(a: Ranges, b: Ranges): Ranges {
  const out: Ranges = [];
  let j = 0;
  for (let i = 0; i < a.length; i += 2) {
    let start = a[i];
    const end = a[i + 1];
    while (j < b.length && b[j + 1] <= start) j += 2;
    for (let k = j; k < b.length && b[k] < end; k += 2) {
      if (b[k] > start) out.push(start, b[k]);
      start = Math.max(start, b[k + 1]);
    }
    if (start < end) out.push(start, end);
  }
  return out;
}

export const STATE_DATA = 1;
export const STATE_ZEROED = 2;
/** Not there and never was, as far as the question goes. */
export const STATE_ABSENT = 3;

/** Ranges with a state each: start, end, state, start ..., ascending, disjoint; neighbours of one state are one. */
export type Painted = number[];

/** Gives [start, end) a state, whatever it had. */
export function paint(map: Painted, start: number, end: number, state: number): void {
  if (start >= end) return;
  let n = map.length;
  // The way that nearly all come: in order.
  if (n === 0 || map[n - 2] < start) {
    map.push(start, end, state);
    return;
  }
  if (map[n - 2] === start) {
    if (map[n - 1] === state) map[n - 2] = end;
    else map.push(start, end, state);
    return;
  }
  const out: Painted = [];
  const add = (s: number, e: number, st: number): void => {
    n = out.length;
    if (s >= e) return;
    if (n > 0 && out[n - 2] === s && out[n - 1] === st) out[n - 2] = e;
    else out.push(s, e, st);
  };
  let placed = false;
  for (let i = 0; i < map.length; i += 3) {
    const [s, e, st] = [map[i], map[i + 1], map[i + 2]];
    add(s, Math.min(e, start), st);
    if (!placed && e > start) {
      add(start, end, state);
      placed = true;
    }
    add(Math.max(s, end), e, st);
  }
  if (!placed) add(start, end, state);
  map.splice(0, map.length, ...out);
}
