import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { ALL_CLEAN, markDataDirty, objectCleanRegions } from '../../src/ceph/types/clean-regions.ts';
import {
  ALL_FEATURES,
  FEATURE_CEPHX_V2,
  FEATURE_OS_PERF_STAT_NS,
  FEATURE_SERVER_PACIFIC,
  FEATURE_SERVER_QUINCY,
  Features,
  NO_FEATURES,
  sanitizeFeatures,
} from '../../src/ceph/types/features.ts';
import {
  PG_STATE_ACTIVE,
  PG_STATE_CLEAN,
  PG_STATE_WAIT,
  pgStateFromName,
  pgStateHas,
  pgStateText,
} from '../../src/ceph/types/pg-state.ts';
import * as rados from '../../src/ceph/types/rados.ts';

describe('op codes', () => {
  it('have one name each', () => {
    const codes = Object.entries(rados).filter(
      ([name]) => /^CEPH_OSD_OP_[A-Z0-9_]+$/.test(name) && !/_(MODE|TYPE|FLAG)(_|$)/.test(name),
    );
    expect(codes.length).toBeGreaterThan(60);
    const names = new Set(codes.map(([, code]) => rados.opName(code as number)));
    expect(names.size).toBe(codes.length);
    expect(names).not.toContain('???');
  });

  it('tell what they do', () => {
    expect(rados.opModeModify(rados.CEPH_OSD_OP_WRITE)).toBe(true);
    expect(rados.opModeRead(rados.CEPH_OSD_OP_READ)).toBe(true);
    expect(rados.opModeRead(rados.CEPH_OSD_OP_CALL)).toBe(false);
    expect(rados.opModeRead(rados.CEPH_OSD_OP_TMAPUP)).toBe(true);
    expect(rados.opTypeAttr(rados.CEPH_OSD_OP_GETXATTR)).toBe(true);
    expect(rados.opTypePg(rados.CEPH_OSD_OP_PGNLS)).toBe(true);
    expect(rados.opName(0x1234)).toBe('???');
  });

  it('flags print as Ceph prints them', () => {
    const { CEPH_OSD_FLAG_ONDISK, CEPH_OSD_FLAG_WRITE, CEPH_OSD_FLAG_KNOWN_REDIR } = rados;
    expect(rados.osdFlagText(CEPH_OSD_FLAG_ONDISK | CEPH_OSD_FLAG_WRITE | CEPH_OSD_FLAG_KNOWN_REDIR)).toBe(
      'ondisk+write+known_if_redirected',
    );
    expect(rados.osdFlagText(0)).toBe('-');
    expect(rados.osdOpFlagText(rados.CEPH_OSD_OP_FLAG_FADVISE_WILLNEED)).toBe('fadvise_willneed');
  });
});

describe('features', () => {
  it('are masks: an old meaning of a bit does not count as the new one', () => {
    expect(ALL_FEATURES.has(FEATURE_SERVER_PACIFIC)).toBe(true);
    expect(ALL_FEATURES.has(FEATURE_SERVER_QUINCY)).toBe(false);
    expect(ALL_FEATURES.has(FEATURE_OS_PERF_STAT_NS)).toBe(false);
    expect(ALL_FEATURES.has(FEATURE_CEPHX_V2)).toBe(true);
    // Bit 20 alone was MON_NULLROUTE.
    expect(new Features(1n << 20n).serverPacific).toBe(false);
    expect(NO_FEATURES.msgAddr2).toBe(false);
  });

  it('of a peer that sent all bits are the first 33', () => {
    expect(sanitizeFeatures((1n << 64n) - 1n)).toBe((1n << 33n) - 1n);
    expect(sanitizeFeatures(5n)).toBe(5n);
  });
});

describe('PG states', () => {
  it('print and parse, past 32 bits too', () => {
    const state = PG_STATE_ACTIVE + PG_STATE_CLEAN + PG_STATE_WAIT;
    expect(pgStateText(state)).toBe('active+clean+wait');
    expect(pgStateHas(state, PG_STATE_WAIT)).toBe(true);
    expect(pgStateHas(state, PG_STATE_WAIT / 2)).toBe(false);
    expect(pgStateText(0)).toBe('unknown');
    const sum = pgStateText(state)
      .split('+')
      .reduce((n, name) => n + pgStateFromName(name)!, 0);
    expect(sum).toBe(state);
    expect(pgStateFromName('nonsense')).toBeUndefined();
  });
});

describe('ObjectCleanRegions', () => {
  const write = fc.record({ offset: fc.nat(400), length: fc.integer({ min: 1, max: 60 }) });

  it('never calls a written byte clean, and keeps at most ten runs', () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 30 }), writes => {
        let r = ALL_CLEAN;
        const dirty = new Set<number>();
        for (const { offset, length } of writes) {
          r = markDataDirty(r, offset, length);
          for (let i = offset; i < offset + length; i++) dirty.add(i);
        }
        expect(r.cleanOffsets.length).toBeLessThanOrEqual(10);
        let end = -1;
        for (const { start, length } of r.cleanOffsets) {
          expect(start).toBeGreaterThan(end);
          for (let i = start; i < Math.min(start + length, 500); i++) expect(dirty.has(i)).toBe(false);
          end = start + length;
        }
        const again = objectCleanRegions.decode(
          new Decoder(encodeToBuffer(e => objectCleanRegions.encode(e, r))),
        );
        expect(again).toEqual(r);
      }),
    );
  });
});
