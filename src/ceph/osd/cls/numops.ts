import { Decoder } from '../../../base/decoder.ts';
import { EINVAL, ENODATA } from '../errors.ts';
import { CLS_METHOD_RD, CLS_METHOD_WR, type ClassRegistry, type ClsHandler } from './registry.ts';

const EBADMSG = -74;
/** C++'s std::fixed writes six digits after the point. */
const fixed = (value: number): string => value.toFixed(6);

function strtod(text: string): number | undefined {
  const m = /^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/.exec(text);
  return m === null || m[0].length !== text.length ? undefined : Number(m[0]);
}

/** Changes the number kept as text in the omap value `key`: input is str key, str number. */
function change(apply: (old: number, by: number) => number, missingIsZero: boolean): ClsHandler {
  return (ctx, input) => {
    const d = new Decoder(input, 'numops');
    const key = d.bin();
    const text = d.bin();
    const by = strtod(text);
    if (by === undefined) return EINVAL;
    let old = 0;
    const stored = ctx.omapGet(key);
    if (typeof stored === 'number') {
      if (stored !== ENODATA && stored !== -2) return stored;
      if (!missingIsZero) return stored;
    } else if (stored.length > 0) {
      const value = strtod(stored.toString('latin1'));
      if (value === undefined) return EBADMSG;
      old = value;
    }
    return ctx.omapSet(new Map([[key, Buffer.from(fixed(apply(old, by)))]]));
  };
}

/** Class "numops" (cls/numops/cls_numops.cc): arithmetic on numbers in an object's omap. */
export function registerNumops(classes: ClassRegistry): void {
  const flags = CLS_METHOD_RD | CLS_METHOD_WR;
  classes.register('numops', {
    add: { flags, run: change((a, b) => a + b, true) },
    mul: { flags, run: change((a, b) => a * b, true) },
  });
}
