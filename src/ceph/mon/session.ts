import type { AuthServiceHandler } from '../auth/service-handler.ts';
import type { Connection } from '../messenger/types.ts';
import { MonCaps } from './mon-caps.ts';

/** One subscription of a session. */
export interface Subscription {
  /** The next version that the session wants. */
  next: number;
  readonly onetime: boolean;
  /** For maps that have incrementals: what was sent last, 0 for nothing. */
  sent: number;
}

/** A peer of the monitor (mon/Session.h). */
export class MonSession {
  readonly con: Connection;
  /** 'client.admin'; '' before it is authenticated. */
  entityName = '';
  globalId = 0n;
  caps: MonCaps = MonCaps.NONE;
  authenticated = false;
  /** The monitor's half of its authentication; answers renewals. */
  handler: AuthServiceHandler | undefined;
  readonly subs = new Map<string, Subscription>();
  /** Options that it was sent last, as one text. */
  lastConfig: string | undefined;
  closed = false;

  constructor(con: Connection) {
    this.con = con;
  }

  isCapable(service: string, need: number): boolean {
    return this.caps.isCapable(this.entityName, service, '', NO_ARGS, need);
  }
}

const NO_ARGS: ReadonlyMap<string, string> = new Map();
