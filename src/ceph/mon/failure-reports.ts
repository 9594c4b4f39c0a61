/** Who says since when that an OSD is gone (failure_info_t). */
export interface FailureReport {
  /** Reporter -> when it says that the OSD fell silent, wall-clock milliseconds. */
  readonly reporters: Map<number, number>;
}

/** By OSD. */
export type OsdFailureReports = Map<number, FailureReport>;

export function newFailureReports(): OsdFailureReports {
  return new Map();
}

export function addReport(reports: OsdFailureReports, osd: number, reporter: number, since: number): void {
  let of = reports.get(osd);
  if (of === undefined) reports.set(osd, (of = { reporters: new Map() }));
  of.reporters.set(reporter, since);
}

export function cancelReport(reports: OsdFailureReports, osd: number, reporter: number): void {
  const of = reports.get(osd);
  if (of === undefined) return;
  of.reporters.delete(reporter);
  if (of.reporters.size === 0) reports.delete(osd);
}

/** When all that reported agree that it was gone: the latest of what they say; undefined without reports. */
export function failedSince(reports: OsdFailureReports, osd: number): number | undefined {
  const of = reports.get(osd);
  if (of === undefined) return undefined;
  return Math.max(...of.reporters.values());
}
