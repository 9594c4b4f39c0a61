import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Keyring } from '../../src/ceph/auth/keyring.ts';
import { AUTH_CEPHX, AUTH_NONE, CON_MODE_CRC, CON_MODE_SECURE } from '../../src/ceph/auth/types.ts';
import { CephxCapture, CephxCaptureV1 } from '../support/cephx-capture.ts';
import { goldenPath } from '../support/golden.ts';
import { readPcap } from '../support/pcap.ts';

const wire = goldenPath('peers/golden/ceph/wire');

function follow(name: string, keyring: string) {
  const keys = Keyring.parse(readFileSync(`${wire}/${keyring}.auth-export.keyring`, 'utf8'));
  const capture = new CephxCapture(keys);
  return readPcap(`${wire}/${name}.pcap`).map(connection => capture.follow(connection));
}

describe.skipIf(wire === undefined)('handshakes between Ceph daemons and clients', () => {
  it('verifies every proof of a crc session and gets the same session keys', () => {
    const found = follow('v2-crc-cephx', 'cephx');
    expect(found).toHaveLength(25);
    expect(found.every(h => h.method === AUTH_CEPHX && h.conMode === CON_MODE_CRC)).toBe(true);
    expect(found.filter(h => h.peer === 'mon').every(h => h.entityName === 'client.admin')).toBe(true);
    expect(found.some(h => h.peer === 'osd')).toBe(true);
    expect(found.every(h => h.sessionKey?.length === 16)).toBe(true);
    expect(found.every(h => h.connectionSecret.length === 0)).toBe(true);
    // Every program that ran has a global id of its own.
    expect(new Set(found.map(h => h.globalId)).size).toBeGreaterThan(3);
  });

  it('gets the connection secrets of a secure session', () => {
    const found = follow('v2-secure-cephx', 'cephx');
    expect(found).toHaveLength(4);
    expect(found.every(h => h.conMode === CON_MODE_SECURE)).toBe(true);
    expect(found.every(h => h.connectionSecret.length === 64)).toBe(true);
    expect(new Set(found.map(h => h.connectionSecret.toString('hex'))).size).toBe(4);
  });

  it('follows a session that used rbd', () => {
    const found = follow('v2-crc-cephx-rbd', 'cephx');
    expect(found.length).toBeGreaterThan(0);
    expect(found.every(h => h.sessionKey !== undefined)).toBe(true);
  });

  it('sees that auth none has no keys', () => {
    const found = follow('v2-crc-noauth', 'noauth');
    expect(found.length).toBeGreaterThan(0);
    expect(found.every(h => h.method === AUTH_NONE && h.sessionKey === undefined)).toBe(true);
  });

  it('verifies every proof of a session over protocol v1', () => {
    const keys = Keyring.parse(readFileSync(`${wire}/v1-cephx.auth-export.keyring`, 'utf8'));
    const capture = new CephxCaptureV1(keys);
    const found = readPcap(`${wire}/v1-cephx.pcap`).map(connection => capture.followV1(connection));
    expect(found).toHaveLength(12);
    expect(found.some(h => h.peer === 'osd')).toBe(true);
    for (const h of found) {
      expect(h.sessionKey).toHaveLength(16);
      if (h.peer === 'mon') expect(h.entityName).toBe('client.admin');
      else expect(found.some(m => m.peer === 'mon' && m.globalId === h.globalId)).toBe(true);
    }
  });

  it('does not verify a proof with another key', () => {
    const text = readFileSync(`${wire}/cephx.auth-export.keyring`, 'utf8');
    const keys = Keyring.parse(text);
    const osd = keys.get({ type: 4, id: '0' })!;
    keys.add({ type: 8, id: 'admin' }, osd);
    const [first] = readPcap(`${wire}/v2-crc-cephx.pcap`);
    expect(() => new CephxCapture(keys).follow(first)).toThrow(/proof of client.admin/);
  });
});
