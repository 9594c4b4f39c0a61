import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import {
  AUTH_CEPHX,
  AUTH_INC_ADD,
  AUTH_INC_DEL,
  AUTH_INC_SET_ROTATING,
  AUTH_MON_AUTH_DATA,
  AUTH_MON_GLOBAL_ID,
  type AuthEntityName,
  type AuthMonitorIncremental,
  decodeAuthMonitorFull,
  type EntityAuth,
  encodeAuthMonitorFull,
  encodeAuthMonitorIncrementals,
  encodeKeyServerIncremental,
  type Keyring,
  type KeyServer,
  type KeyServerIncremental,
  parseAuthEntityName,
} from '../auth/index.ts';
import { PaxosService, type ServiceBase } from './paxos-service.ts';
import type { MonTransaction } from './store.ts';

/** First global id given (mon/AuthMonitor.h MIN_GLOBAL_ID). */
const MIN_GLOBAL_ID = 0x1000n;
/** mon_globalid_prealloc: ids set aside in one version. */
const PREALLOC = 10_000n;
/** Versions kept. */
const KEEP = 50;

/** The keeper of keys, capabilities, rotating secrets and global ids (mon/AuthMonitor.h). */
export class AuthMonitor extends PaxosService {
  readonly keys: KeyServer;
  /** What 'mon.' has is not in the database: monitors keep it in files of their own. */
  private readonly seed: Keyring;
  private incs: AuthMonitorIncremental[] = [];
  private maxGlobalId = MIN_GLOBAL_ID;
  private lastGlobalId = MIN_GLOBAL_ID;

  constructor(base: ServiceBase, keys: KeyServer, seed: Keyring) {
    super('auth', base);
    this.keys = keys;
    this.seed = seed;
  }

  protected override createInitial(tx: MonTransaction): void {
    for (const { name, auth } of this.seed.entries()) if (!isMonKey(name)) this.keys.addAuth(name, auth);
    this.keys.updateRotating();
    this.keys.data.version = 1;
    this.maxGlobalId += PREALLOC;
    this.putFull(tx, 1);
  }

  protected override load(): void {
    const bytes = this.store.get(this.name, `full_${this.lastCommitted}`);
    if (bytes === undefined) return;
    const { maxGlobalId, keys } = decodeAuthMonitorFull(new Decoder(bytes, 'auth'));
    this.keys.data = keys;
    this.lastGlobalId = maxGlobalId;
    this.maxGlobalId = maxGlobalId + PREALLOC;
  }

  private putFull(tx: MonTransaction, version: number): void {
    const { maxGlobalId, keys } = this;
    tx.put(
      this.name,
      `full_${version}`,
      encodeToBuffer(e => encodeAuthMonitorFull(e, { maxGlobalId, keys: keys.data })),
    );
  }

  protected override encodePending(tx: MonTransaction, version: number): (() => void) | undefined {
    const { incs } = this;
    if (incs.length === 0) return undefined;
    this.incs = [];
    tx.put(this.name, version, encodeAuthIncs(incs));
    this.keys.data.version = version;
    this.putFull(tx, version);
    this.trimTo(version - KEEP, tx, v => {
      tx.erase(this.name, v);
      tx.erase(this.name, `full_${v}`);
    });
    return () => {};
  }

  private record(inc: KeyServerIncremental): void {
    this.keys.apply(inc);
    this.incs.push({
      type: AUTH_MON_AUTH_DATA,
      authType: AUTH_CEPHX,
      data: encodeToBuffer(e => encodeKeyServerIncremental(e, inc)),
    });
  }

  set(name: AuthEntityName, auth: EntityAuth): void {
    this.record({ op: AUTH_INC_ADD, name, auth });
  }

  remove(name: AuthEntityName): void {
    const auth = this.keys.getAuth(name);
    if (auth !== undefined) this.record({ op: AUTH_INC_DEL, name, auth });
  }

  /** A global id that nobody has had. */
  assignGlobalId(): bigint {
    const id = ++this.lastGlobalId;
    if (this.lastGlobalId + PREALLOC / 2n > this.maxGlobalId) {
      this.maxGlobalId += PREALLOC;
      this.incs.push({ type: AUTH_MON_GLOBAL_ID, maxGlobalId: this.maxGlobalId });
      this.propose();
    }
    return id;
  }

  /** Every few seconds: new rotating secrets when they are due. */
  tick(): void {
    const rotating = this.keys.updateRotating();
    if (rotating === undefined) return;
    const data = encodeToBuffer(e => encodeKeyServerIncremental(e, { op: AUTH_INC_SET_ROTATING, rotating }));
    this.incs.push({ type: AUTH_MON_AUTH_DATA, authType: AUTH_CEPHX, data });
    this.propose();
  }
}

function encodeAuthIncs(incs: readonly AuthMonitorIncremental[]): Buffer {
  return encodeToBuffer(e => encodeAuthMonitorIncrementals(e, incs));
}

export function isMonKey(name: AuthEntityName): boolean {
  return name.type === MON_NAME.type && name.id === '';
}

const MON_NAME = parseAuthEntityName('mon.');
