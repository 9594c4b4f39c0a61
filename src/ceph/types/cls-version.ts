import { list, str, struct, u32, u64, type ValueOf } from './codec.ts';

// Object class "version" (cls/version/cls_version_types.h, cls_version_ops.h).

/** VersionCond. */
export const VER_COND_NONE = 0;
export const VER_COND_EQ = 1;
export const VER_COND_GT = 2;
export const VER_COND_GE = 3;
export const VER_COND_LT = 4;
export const VER_COND_LE = 5;
export const VER_COND_TAG_EQ = 6;
export const VER_COND_TAG_NE = 7;

const V1 = { version: 1, compat: 1 };

export const objVersion = struct('obj_version', V1, { ver: u64, tag: str });
export type ObjVersion = ValueOf<typeof objVersion>;

export const objVersionCond = struct('obj_version_cond', V1, { ver: objVersion, cond: u32 });
export type ObjVersionCond = ValueOf<typeof objVersionCond>;

/** Method "set". */
export const clsVersionSetOp = struct('cls_version_set_op', V1, { objv: objVersion });
export type ClsVersionSetOp = ValueOf<typeof clsVersionSetOp>;

/** Methods "inc" and "inc_conds". */
export const clsVersionIncOp = struct('cls_version_inc_op', V1, {
  objv: objVersion,
  conds: list(objVersionCond),
});
export type ClsVersionIncOp = ValueOf<typeof clsVersionIncOp>;

/** Method "check_conds". */
export const clsVersionCheckOp = struct('cls_version_check_op', V1, {
  objv: objVersion,
  conds: list(objVersionCond),
});
export type ClsVersionCheckOp = ValueOf<typeof clsVersionCheckOp>;

/** The answer of "read". */
export const clsVersionReadRet = struct('cls_version_read_ret', V1, { objv: objVersion });
export type ClsVersionReadRet = ValueOf<typeof clsVersionReadRet>;
