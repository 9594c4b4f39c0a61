import { Decoder } from '../../../base/decoder.ts';
import { encodeToBuffer } from '../../../base/encoder.ts';
import {
  clsVersionCheckOp,
  clsVersionIncOp,
  clsVersionReadRet,
  clsVersionSetOp,
  type ObjVersion,
  type ObjVersionCond,
  objVersion,
  VER_COND_EQ,
  VER_COND_GE,
  VER_COND_GT,
  VER_COND_LE,
  VER_COND_LT,
  VER_COND_NONE,
  VER_COND_TAG_EQ,
  VER_COND_TAG_NE,
} from '../../types/cls-version.ts';
import { ECANCELED, EIO, ENODATA, ENOENT } from '../errors.ts';
import { CLS_METHOD_RD, CLS_METHOD_WR, type ClassRegistry, type ClsContext } from './registry.ts';

const ATTR = 'ceph.objclass.version';
const TAG_LENGTH = 24;
const TAG_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function read(ctx: ClsContext, implicit: boolean): ObjVersion | number {
  const stored = ctx.getXattr(ATTR);
  if (typeof stored === 'number') {
    if (stored !== ENOENT && stored !== ENODATA) return stored;
    const version: ObjVersion = { ver: 0, tag: '' };
    return implicit ? fresh(ctx, version) : version;
  }
  try {
    return objVersion.decode(new Decoder(stored, 'obj_version'));
  } catch {
    return EIO;
  }
}

/** A version that was never set gets a tag when it is first counted up. */
function fresh(ctx: ClsContext, version: ObjVersion): ObjVersion {
  let tag = '';
  for (const byte of ctx.random(TAG_LENGTH)) tag += TAG_ALPHABET[byte % TAG_ALPHABET.length];
  return { ...version, tag };
}

function write(ctx: ClsContext, version: ObjVersion): number {
  return ctx.setXattr(
    ATTR,
    encodeToBuffer(e => objVersion.encode(e, version)),
  );
}

function holds(have: ObjVersion, { ver, cond }: ObjVersionCond): boolean {
  switch (cond) {
    case VER_COND_NONE:
      return true;
    case VER_COND_EQ:
      return have.ver === ver.ver && have.tag === ver.tag;
    case VER_COND_GT:
      return have.ver > ver.ver;
    case VER_COND_GE:
      return have.ver >= ver.ver;
    case VER_COND_LT:
      return have.ver < ver.ver;
    case VER_COND_LE:
      return have.ver <= ver.ver;
    case VER_COND_TAG_EQ:
      return have.tag === ver.tag;
    case VER_COND_TAG_NE:
      return have.tag !== ver.tag;
    default:
      return false;
  }
}

function increment(ctx: ClsContext, conds: readonly ObjVersionCond[]): number {
  const have = read(ctx, true);
  if (typeof have === 'number') return have;
  if (!conds.every(cond => holds(have, cond))) return ECANCELED;
  return write(ctx, { ...have, ver: have.ver + 1 });
}

/** Class "version" (cls/version/cls_version.cc): a counter that readers can tell changes by. */
export function registerVersion(classes: ClassRegistry): void {
  const RW = CLS_METHOD_RD | CLS_METHOD_WR;
  classes.register('version', {
    set: {
      flags: RW,
      run: (ctx, input) => write(ctx, clsVersionSetOp.decode(new Decoder(input)).objv),
    },
    inc: {
      flags: RW,
      run: (ctx, input) => {
        clsVersionIncOp.decode(new Decoder(input));
        return increment(ctx, []);
      },
    },
    inc_conds: {
      flags: RW,
      run: (ctx, input) => increment(ctx, clsVersionIncOp.decode(new Decoder(input)).conds),
    },
    read: {
      flags: RW,
      run: ctx => {
        const objv = read(ctx, false);
        if (typeof objv === 'number') return objv;
        ctx.setOutput(encodeToBuffer(e => clsVersionReadRet.encode(e, { objv })));
        return 0;
      },
    },
    check_conds: {
      flags: RW,
      run: (ctx, input) => {
        const { conds } = clsVersionCheckOp.decode(new Decoder(input));
        const have = read(ctx, false);
        if (typeof have === 'number') return have;
        return conds.every(cond => holds(have, cond)) ? 0 : ECANCELED;
      },
    },
  });
}
