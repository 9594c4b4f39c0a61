import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { blob, codecOf, list, map, optional, pairs, str, u32 } from '../types/codec.ts';
import type { Pairs } from '../types/collections.ts';
import type { Features } from '../types/features.ts';
import { type DaemonHealthMetric, daemonHealthMetric } from '../types/health.ts';
import { type PerfCounterType, perfCounterType } from '../types/mon-types.ts';
import { Message, registerMessage } from './message.ts';
import { MSG_MGR_CLOSE, MSG_MGR_CONFIGURE, MSG_MGR_OPEN, MSG_MGR_REPORT } from './message-types.ts';
import { decodeRawStruct } from './raw-struct.ts';

const NOTHING = Buffer.alloc(0);
const strings = map(str, str);
const optionalStrings = optional(strings);
const names = list(str);
const counters = list(perfCounterType);
const healthMetrics = list(daemonHealthMetric);
const rawStruct = codecOf<Buffer>(
  6,
  () => NOTHING,
  (e, v) => e.bytes(v),
  decodeRawStruct,
);
/** map OSDPerfMetricQuery -> set of OSDPerfMetricLimit, encoded. */
const perfQueries = pairs(rawStruct, list(rawStruct));
/** map OSDPerfMetricQuery -> OSDPerfMetricReport, encoded. */
const perfReports = pairs(rawStruct, rawStruct);

// The daemons' side of the manager: a daemon opens, is configured, reports, and closes.

/**
 * MMgrOpen (messages/MMgrOpen.h), version 3: str daemon name, str service name, u8 service daemon, [map str ->
 * str metadata, map str -> str status,] blob config, blob config defaults (since 3).
 */
export class MMgrOpen extends Message {
  readonly type = MSG_MGR_OPEN;
  version = 3;
  compatVersion = 1;
  /** The part after the dot: '3' of osd.3. */
  daemonName: string;
  /** '' for what the entity type says. */
  serviceName = '';
  /** Metadata and status of a service that registers itself; undefined for Ceph's own daemons. */
  service: { metadata: ReadonlyMap<string, string>; status: ReadonlyMap<string, string> } | undefined;
  /** Encoded map str option -> map s32 source -> str value. */
  config: Uint8Array = NOTHING;
  /** Encoded map str -> str. */
  configDefaults: Uint8Array = NOTHING;

  constructor(daemonName: string) {
    super();
    this.daemonName = daemonName;
    this.service = undefined;
  }

  override encodePayload(e: Encoder): void {
    e.str(this.daemonName);
    e.str(this.serviceName);
    e.bool(this.service !== undefined);
    if (this.service !== undefined) {
      strings.encode(e, this.service.metadata);
      strings.encode(e, this.service.status);
    }
    e.blob(this.config);
    e.blob(this.configDefaults);
  }

  override describe(): string {
    return `mgropen(${this.serviceName || 'unknown'}.${this.daemonName}${this.service === undefined ? '' : ' daemon'})`;
  }
}

/**
 * MMgrConfigure (messages/MMgrConfigure.h), version 4: u32 report period, u32 threshold (since 2), map of perf
 * queries (since 3), optional MetricConfigMessage (since 4).
 */
export class MMgrConfigure extends Message {
  readonly type = MSG_MGR_CONFIGURE;
  version = 4;
  compatVersion = 1;
  /** Seconds between reports. */
  statsPeriod: number;
  /** Counters below this priority stay away. */
  statsThreshold: number;
  /** Encoded OSDPerfMetricQuery and OSDPerfMetricLimits. */
  perfQueries: Pairs<Buffer, readonly Buffer[]> = [];
  /** Encoded MetricConfigMessage. */
  metricConfig: Uint8Array | undefined = undefined;

  constructor(statsPeriod: number, statsThreshold: number) {
    super();
    this.statsPeriod = statsPeriod;
    this.statsThreshold = statsThreshold;
  }

  override encodePayload(e: Encoder): void {
    e.u32(this.statsPeriod);
    e.u32(this.statsThreshold);
    perfQueries.encode(e, this.perfQueries);
    encodeLast(e, this.metricConfig);
  }

  override describe(): string {
    return `mgrconfigure(period=${this.statsPeriod}, threshold=${this.statsThreshold})`;
  }
}

/**
 * MMgrReport (messages/MMgrReport.h), version 9: str daemon name, vector of PerfCounterType, blob counter values,
 * vector of str undeclared (since 2), str service name and optional map str -> str status (3), vector of
 * DaemonHealthMetric (5), blob config (6), map of perf reports (7), optional map str -> str task status (8),
 * optional MetricReportMessage (9).
 */
export class MMgrReport extends Message {
  readonly type = MSG_MGR_REPORT;
  version = 9;
  compatVersion = 1;
  daemonName: string;
  declareTypes: readonly PerfCounterType[] = [];
  undeclareTypes: readonly string[] = [];
  /** Values of all declared counters in the order of their paths. */
  packed: Uint8Array = NOTHING;
  serviceName = '';
  daemonStatus: ReadonlyMap<string, string> | undefined = undefined;
  healthMetrics: readonly DaemonHealthMetric[] = [];
  /** As in MMgrOpen; empty when nothing changed. */
  config: Uint8Array = NOTHING;
  /** Encoded OSDPerfMetricQuery and OSDPerfMetricReport. */
  perfReports: Pairs<Buffer, Buffer> = [];
  taskStatus: ReadonlyMap<string, string> | undefined = undefined;
  /** Encoded MetricReportMessage. */
  metricReport: Uint8Array | undefined = undefined;

  constructor(daemonName: string) {
    super();
    this.daemonName = daemonName;
  }

  override encodePayload(e: Encoder, features: Features): void {
    e.str(this.daemonName);
    counters.encode(e, this.declareTypes, features);
    e.blob(this.packed);
    names.encode(e, this.undeclareTypes);
    e.str(this.serviceName);
    optionalStrings.encode(e, this.daemonStatus);
    healthMetrics.encode(e, this.healthMetrics, features);
    e.blob(this.config);
    perfReports.encode(e, this.perfReports);
    optionalStrings.encode(e, this.taskStatus);
    encodeLast(e, this.metricReport);
  }

  override describe(): string {
    const status = this.daemonStatus === undefined ? '' : ` status=${this.daemonStatus.size}`;
    const health = this.healthMetrics.length === 0 ? '' : ` daemon_metrics=${this.healthMetrics.length}`;
    const tasks = this.taskStatus === undefined ? '' : ` task_status=${this.taskStatus.size}`;
    return (
      `mgrreport(${this.serviceName || 'unknown'}.${this.daemonName} +${this.declareTypes.length}` +
      `-${this.undeclareTypes.length} packed ${this.packed.length}${status}${health}${tasks})`
    );
  }
}

/** MMgrClose (messages/MMgrClose.h): str daemon name, str service name; comes back as the answer. */
export class MMgrClose extends Message {
  readonly type = MSG_MGR_CLOSE;
  version = 1;
  compatVersion = 1;
  daemonName: string;
  serviceName: string;

  constructor(daemonName: string, serviceName = '') {
    super();
    this.daemonName = daemonName;
    this.serviceName = serviceName;
  }

  override encodePayload(e: Encoder): void {
    e.str(this.daemonName);
    e.str(this.serviceName);
  }

  override describe(): string {
    return `mgrclose(${this.serviceName || 'unknown'}.${this.daemonName})`;
  }
}

/** An optional that ends a message; its inside is kept as it is. */
function encodeLast(e: Encoder, value: Uint8Array | undefined): void {
  e.bool(value !== undefined);
  if (value !== undefined) e.bytes(value);
}

function decodeLast(d: Decoder): Buffer | undefined {
  return d.bool() ? d.rest() : undefined;
}

registerMessage(MSG_MGR_OPEN, (d, header) => {
  const m = new MMgrOpen(d.str());
  if (header.version >= 2) {
    m.serviceName = d.str();
    if (d.bool()) {
      const metadata = strings.decode(d);
      m.service = { metadata, status: strings.decode(d) };
    }
  }
  if (header.version >= 3) {
    m.config = d.blob();
    m.configDefaults = d.blob();
  }
  return m;
});
registerMessage(MSG_MGR_CONFIGURE, (d, header) => {
  const v = header.version;
  const period = d.u32();
  const m = new MMgrConfigure(period, v >= 2 ? u32.decode(d) : 0);
  if (v >= 3) m.perfQueries = perfQueries.decode(d);
  if (v >= 4) m.metricConfig = decodeLast(d);
  return m;
});
registerMessage(MSG_MGR_REPORT, (d, header) => {
  const v = header.version;
  const m = new MMgrReport(d.str());
  m.declareTypes = counters.decode(d);
  m.packed = blob.decode(d);
  if (v >= 2) m.undeclareTypes = names.decode(d);
  if (v >= 3) {
    m.serviceName = d.str();
    m.daemonStatus = optionalStrings.decode(d);
  }
  if (v >= 5) m.healthMetrics = healthMetrics.decode(d);
  if (v >= 6) m.config = d.blob();
  if (v >= 7) m.perfReports = perfReports.decode(d);
  if (v >= 8) m.taskStatus = optionalStrings.decode(d);
  if (v >= 9) m.metricReport = decodeLast(d);
  return m;
});
registerMessage(MSG_MGR_CLOSE, d => {
  const daemonName = d.str();
  return new MMgrClose(daemonName, d.str());
});
