import { Decoder } from '../../../base/decoder.ts';
import { encodeToBuffer } from '../../../base/encoder.ts';
import {
  clsRefcountGetOp,
  clsRefcountPutOp,
  clsRefcountReadOp,
  clsRefcountReadRet,
  clsRefcountSetOp,
  type ObjRefcount,
  objRefcount,
} from '../../types/cls-refcount.ts';
import { EINVAL, EIO, ENODATA, ENOENT } from '../errors.ts';
import { CLS_METHOD_RD, CLS_METHOD_WR, type ClassRegistry, type ClsContext } from './registry.ts';

const ATTR = 'refcount';
/** The tag of the reference that an object has before anybody counted. */
const WILDCARD = '';

interface Counted {
  readonly refs: Map<string, boolean>;
  readonly retired: Set<string>;
}

function read(ctx: ClsContext, implicit: boolean): Counted | number {
  const stored = ctx.getXattr(ATTR);
  if (typeof stored === 'number') {
    if (stored !== ENODATA) return stored;
    return { refs: new Map(implicit ? [[WILDCARD, true]] : []), retired: new Set() };
  }
  try {
    const value = objRefcount.decode(new Decoder(stored, 'obj_refcount'));
    return { refs: new Map(value.refs), retired: new Set(value.retiredRefs) };
  } catch {
    return EIO;
  }
}

function write(ctx: ClsContext, { refs, retired }: Counted): number {
  const value: ObjRefcount = {
    refs: new Map([...refs].sort(([a], [b]) => (a < b ? -1 : 1))),
    retiredRefs: [...retired].sort(),
  };
  return ctx.setXattr(
    ATTR,
    encodeToBuffer(e => objRefcount.encode(e, value)),
  );
}

function put(ctx: ClsContext, tag: string, implicit: boolean): number {
  const counted = read(ctx, implicit);
  if (typeof counted === 'number') return counted;
  const { refs, retired } = counted;
  if (refs.size === 0) return EINVAL;
  let found: string | undefined;
  if (refs.has(tag)) found = tag;
  else if (!retired.has(tag) && refs.has(WILDCARD)) found = WILDCARD;
  if (found === undefined) return 0;
  retired.add(tag);
  refs.delete(found);
  return refs.size === 0 ? ctx.remove() : write(ctx, counted);
}

/** Class "refcount" (cls/refcount/cls_refcount.cc): the last reference takes the object with it. */
export function registerRefcount(classes: ClassRegistry): void {
  const RW = CLS_METHOD_RD | CLS_METHOD_WR;
  classes.register('refcount', {
    get: {
      flags: RW,
      run: (ctx, input) => {
        const op = clsRefcountGetOp.decode(new Decoder(input));
        const counted = read(ctx, op.implicitRef);
        if (typeof counted === 'number') return counted === ENOENT ? ENOENT : counted;
        counted.refs.set(op.tag, true);
        return write(ctx, counted);
      },
    },
    put: {
      flags: RW,
      run: (ctx, input) => {
        const op = clsRefcountPutOp.decode(new Decoder(input));
        return put(ctx, op.tag, op.implicitRef);
      },
    },
    set: {
      flags: RW,
      run: (ctx, input) => {
        const op = clsRefcountSetOp.decode(new Decoder(input));
        if (op.refs.length === 0) return ctx.remove();
        return write(ctx, { refs: new Map(op.refs.map(ref => [ref, true])), retired: new Set() });
      },
    },
    read: {
      flags: CLS_METHOD_RD,
      run: (ctx, input) => {
        const op = clsRefcountReadOp.decode(new Decoder(input));
        const counted = read(ctx, op.implicitRef);
        if (typeof counted === 'number') return counted;
        const refs = [...counted.refs.keys()].sort();
        ctx.setOutput(encodeToBuffer(e => clsRefcountReadRet.encode(e, { refs })));
        return 0;
      },
    },
  });
}
