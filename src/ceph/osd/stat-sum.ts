import { type ObjectStatSum, objectStatSum } from '../types/stats.ts';

/** What a request does to the statistics of its PG. Bytes and counts. */
export class StatDelta {
  bytes = 0;
  objects = 0;
  clones = 0;
  whiteouts = 0;
  omapObjects = 0;
  dirty = 0;
}

/** A PG's running sums. */
export class StatSum {
  bytes = 0;
  objects = 0;
  clones = 0;
  whiteouts = 0;
  omapObjects = 0;
  dirty = 0;
  reads = 0;
  readBytes = 0;
  writes = 0;
  writtenBytes = 0;

  add(delta: StatDelta): void {
    this.bytes += delta.bytes;
    this.objects += delta.objects;
    this.clones += delta.clones;
    this.whiteouts += delta.whiteouts;
    this.omapObjects += delta.omapObjects;
    this.dirty += delta.dirty;
  }

  /** As object_stat_sum_t, for `copies` replicas. */
  sum(copies: number): ObjectStatSum {
    return {
      ...objectStatSum.zero(),
      numBytes: this.bytes,
      numObjects: this.objects,
      numObjectClones: this.clones,
      numObjectCopies: this.objects * copies,
      numObjectsDirty: this.dirty,
      numWhiteouts: this.whiteouts,
      numObjectsOmap: this.omapObjects,
      numRd: this.reads,
      numRdKb: Math.ceil(this.readBytes / 1024),
      numWr: this.writes,
      numWrKb: Math.ceil(this.writtenBytes / 1024),
    };
  }

  restore(sum: ObjectStatSum): void {
    this.bytes = sum.numBytes;
    this.objects = sum.numObjects;
    this.clones = sum.numObjectClones;
    this.whiteouts = sum.numWhiteouts;
    this.omapObjects = sum.numObjectsOmap;
    this.dirty = sum.numObjectsDirty;
    this.reads = sum.numRd;
    this.readBytes = sum.numRdKb * 1024;
    this.writes = sum.numWr;
    this.writtenBytes = sum.numWrKb * 1024;
  }
}
