import { bool, list, map, since, str, struct, type ValueOf } from './codec.ts';

// Object class "refcount" (cls/refcount/cls_refcount_ops.h).

const V1 = { version: 1, compat: 1 };

/** Method "get". `implicitRef`: an object without any counts has one, without a tag. */
export const clsRefcountGetOp = struct('cls_refcount_get_op', V1, { tag: str, implicitRef: bool });
export type ClsRefcountGetOp = ValueOf<typeof clsRefcountGetOp>;

/** Method "put": the last one removes the object. */
export const clsRefcountPutOp = struct('cls_refcount_put_op', V1, { tag: str, implicitRef: bool });
export type ClsRefcountPutOp = ValueOf<typeof clsRefcountPutOp>;

/** Method "set". */
export const clsRefcountSetOp = struct('cls_refcount_set_op', V1, { refs: list(str) });
export type ClsRefcountSetOp = ValueOf<typeof clsRefcountSetOp>;

/** Method "read". */
export const clsRefcountReadOp = struct('cls_refcount_read_op', V1, { implicitRef: bool });
export type ClsRefcountReadOp = ValueOf<typeof clsRefcountReadOp>;

export const clsRefcountReadRet = struct('cls_refcount_read_ret', V1, { refs: list(str) });
export type ClsRefcountReadRet = ValueOf<typeof clsRefcountReadRet>;

/** obj_refcount: what is stored. */
export const objRefcount = struct(
  'obj_refcount',
  { version: 2, compat: 1 },
  { refs: map(str, bool), retiredRefs: since(2, list(str)) },
);
export type ObjRefcount = ValueOf<typeof objRefcount>;
