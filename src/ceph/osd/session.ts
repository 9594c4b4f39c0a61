import type { AuthenticatedPeer } from '../auth/types.ts';
import type { Connection } from '../messenger/types.ts';
import { OsdCaps } from './osd-caps.ts';
import type { Watch } from './watch.ts';

/** What an OSD remembers of one connection of a client (osd/Session.h). */
export class OsdSession {
  readonly con: Connection;
  readonly peer: AuthenticatedPeer | undefined;
  readonly caps: OsdCaps;
  /** Epoch of the newest map that we sent. */
  sentEpoch = 0;
  /** Watches that came over this connection. */
  readonly watches = new Set<Watch>();

  constructor(con: Connection) {
    this.con = con;
    this.peer = con.peer;
    this.caps = OsdCaps.ofPeer(con.peer);
  }
}

export function sessionOf(con: Connection): OsdSession {
  const known = con.session as OsdSession | undefined;
  if (known !== undefined) return known;
  const session = new OsdSession(con);
  con.session = session;
  return session;
}
