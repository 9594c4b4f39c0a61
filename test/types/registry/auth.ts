import * as cephx from '../../../src/ceph/auth/cephx-protocol.ts';
import { decodeCryptoKey, encodeCryptoKey } from '../../../src/ceph/auth/crypto.ts';
import { decodeAuthEntityName, encodeAuthEntityName } from '../../../src/ceph/auth/entity-name.ts';
import * as db from '../../../src/ceph/auth/key-server-data.ts';
import { decodeMonCap, encodeMonCap } from '../../../src/ceph/auth/mon-cap.ts';
import * as tickets from '../../../src/ceph/auth/tickets.ts';
import type { Registry } from '../registry-entry.ts';

export const registry: Registry = {
  AuthCapsInfo: { decode: tickets.decodeAuthCapsInfo, encode: tickets.encodeAuthCapsInfo },
  'AuthMonitor::Incremental': {
    decode: db.decodeAuthMonitorIncremental,
    encode: db.encodeAuthMonitorIncremental,
  },
  AuthTicket: { decode: tickets.decodeAuthTicket, encode: tickets.encodeAuthTicket },
  CephXAuthenticate: { decode: cephx.decodeAuthenticate, encode: cephx.encodeAuthenticate },
  CephXAuthorize: { decode: cephx.decodeAuthorize, encode: cephx.encodeAuthorize },
  CephXAuthorizeChallenge: { decode: cephx.decodeServerChallenge, encode: cephx.encodeServerChallenge },
  CephXAuthorizeReply: { decode: cephx.decodeAuthorizeReply, encode: cephx.encodeAuthorizeReply },
  CephXChallengeBlob: { decode: cephx.decodeChallengeBlob, encode: cephx.encodeChallengeBlob },
  CephXRequestHeader: { decode: cephx.decodeRequestHeader, encode: cephx.encodeRequestHeader },
  CephXResponseHeader: { decode: cephx.decodeResponseHeader, encode: cephx.encodeResponseHeader },
  CephXServerChallenge: { decode: cephx.decodeServerChallenge, encode: cephx.encodeServerChallenge },
  CephXServiceTicket: { decode: cephx.decodeServiceTicket, encode: cephx.encodeServiceTicket },
  CephXServiceTicketInfo: { decode: cephx.decodeServiceTicketInfo, encode: cephx.encodeServiceTicketInfo },
  CephXServiceTicketRequest: {
    decode: cephx.decodeServiceTicketRequest,
    encode: cephx.encodeServiceTicketRequest,
  },
  CephXTicketBlob: { decode: cephx.decodeTicketBlob, encode: cephx.encodeTicketBlob },
  CryptoKey: { decode: decodeCryptoKey, encode: encodeCryptoKey },
  EntityAuth: { decode: tickets.decodeEntityAuth, encode: tickets.encodeEntityAuth },
  EntityName: { decode: decodeAuthEntityName, encode: encodeAuthEntityName },
  ExpiringCryptoKey: { decode: tickets.decodeExpiringCryptoKey, encode: tickets.encodeExpiringCryptoKey },
  KeyServer: { decode: db.decodeKeyServerData, encode: db.encodeKeyServerData },
  KeyServerData: { decode: db.decodeKeyServerData, encode: db.encodeKeyServerData },
  'KeyServerData::Incremental': {
    decode: db.decodeKeyServerIncremental,
    encode: db.encodeKeyServerIncremental,
  },
  MonCap: { decode: decodeMonCap, encode: encodeMonCap },
  RotatingSecrets: { decode: tickets.decodeRotatingSecrets, encode: tickets.encodeRotatingSecrets },
};
