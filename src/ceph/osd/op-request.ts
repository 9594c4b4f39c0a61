import type { Span } from '../../base/trace.ts';
import type { MOSDOp } from '../messages/mosdop.ts';
import type { Connection } from '../messenger/types.ts';
import {
  CEPH_OSD_FLAG_RWORDERED,
  CEPH_OSD_OP_CALL,
  CEPH_OSD_OP_WATCH,
  CEPH_OSD_WATCH_OP_PING,
  opModeModify,
  opModeRead,
  opTypePg,
} from '../types/rados.ts';
import type { ReqId } from '../types/reqid.ts';
import { CLS_METHOD_RD, CLS_METHOD_WR, type ClassRegistry } from './cls/registry.ts';
import { EINVAL, EOPNOTSUPP } from './errors.ts';
import type { OsdSession } from './session.ts';

/** A method that a request calls, for the capability check. */
export interface CalledClass {
  readonly className: string;
  readonly method: string;
  readonly read: boolean;
  readonly write: boolean;
}

const NO_CLASSES: readonly CalledClass[] = [];

/** A client's request on its way through the OSD (osd/OpRequest.h, osd/osd_op_util.h). */
export class OpRequest {
  readonly con: Connection;
  readonly session: OsdSession;
  readonly m: MOSDOp;
  readonly reqid: ReqId;
  /** What the ops do, classes aside: what r and w of a capability are about. */
  readsObject = false;
  writesObject = false;
  classes: readonly CalledClass[] = NO_CLASSES;
  mayRead = false;
  mayWrite = false;
  pgOp = false;
  /** Runs in the order of writes. */
  ordered = false;
  /** The flags above are known. */
  ready = false;
  /** Bytes that were fetched for this request before it runs again, by position. */
  loaded: Map<string, Uint8Array> | undefined = undefined;
  /** Objects that copy-from fetched, by the op's index. */
  copies: Map<number, unknown> | undefined = undefined;
  span: Span | undefined = undefined;
  enqueueSpan: Span | undefined = undefined;

  constructor(con: Connection, session: OsdSession, m: MOSDOp) {
    this.con = con;
    this.session = session;
    this.m = m;
    this.reqid = m.requestId(con.peerName);
  }

  /** Finds out what the ops do. A negative errno when one names a class or method that is not there. */
  init(classes: ClassRegistry): number {
    const { ops } = this.m;
    for (let i = 0; i < ops.length; i++) {
      const op = ops[i];
      if (op.op === CEPH_OSD_OP_CALL) {
        const r = this.addClass(op.cls.classLen, op.cls.methodLen, op.indata, classes);
        if (r < 0) return r;
        continue;
      }
      if (op.op === CEPH_OSD_OP_WATCH && op.watch.op === CEPH_OSD_WATCH_OP_PING) this.ordered = true;
      else if (opModeModify(op.op)) this.writesObject = true;
      if (opModeRead(op.op)) this.readsObject = true;
      if (opTypePg(op.op)) this.pgOp = true;
    }
    this.mayRead = this.mayRead || this.readsObject;
    this.mayWrite = this.mayWrite || this.writesObject;
    if (this.mayWrite || (this.m.flags & CEPH_OSD_FLAG_RWORDERED) !== 0) this.ordered = true;
    this.ready = true;
    return 0;
  }

  private addClass(
    classLen: number,
    methodLen: number,
    indata: Uint8Array | undefined,
    classes: ClassRegistry,
  ): number {
    if (indata === undefined || indata.length < classLen + methodLen) return EINVAL;
    const bytes = Buffer.from(indata.buffer, indata.byteOffset, classLen + methodLen);
    const className = bytes.toString('latin1', 0, classLen);
    const method = bytes.toString('latin1', classLen);
    const found = classes.method(className, method);
    if (found === undefined) return EOPNOTSUPP;
    const read = (found.flags & CLS_METHOD_RD) !== 0;
    const write = (found.flags & CLS_METHOD_WR) !== 0;
    this.mayRead ||= read;
    this.mayWrite ||= write;
    this.classes = [...this.classes, { className, method, read, write }];
    return 0;
  }
}
