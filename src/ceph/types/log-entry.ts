import { list, map, pair, plain, since, str, struct, u16, u64, utime, type ValueOf } from './codec.ts';
import { entityAddrVec, entityName } from './codecs.ts';
import { authName } from './wrappers.ts';

/** clog_type (common/LogEntry.h). */
export const CLOG_DEBUG = 0;
export const CLOG_INFO = 1;
export const CLOG_SEC = 2;
export const CLOG_WARN = 3;
export const CLOG_ERROR = 4;

const LEVELS = ['debug', 'info', 'sec', 'warn', 'error'];
/** As `ceph -w` prints them. */
const SHORT_LEVELS = ['[DBG]', '[INF]', '[SEC]', '[WRN]', '[ERR]'];

export function clogLevelName(prio: number): string {
  return LEVELS[prio] ?? 'unknown';
}

export function clogLevelTag(prio: number): string {
  return SHORT_LEVELS[prio] ?? '[???]';
}

/** LogEntry: a line of the cluster log. */
export const logEntry = struct(
  'LogEntry',
  { version: 5, compat: 5, oldest: 5 },
  {
    name: authName,
    rank: entityName,
    addrs: entityAddrVec,
    stamp: utime,
    seq: u64,
    prio: u16,
    msg: str,
    channel: str,
  },
);
export type LogEntry = ValueOf<typeof logEntry>;

/** LogEntryKey. */
export const logEntryKey = plain({ rank: entityName, stamp: utime, seq: u64 });
export type LogEntryKey = ValueOf<typeof logEntryKey>;

/** LogSummary: the last lines, as monitors keep them. */
export const logSummary = struct(
  'LogSummary',
  { version: 3, known: 4, compat: 3, oldest: 3 },
  {
    version: u64,
    seq: u64,
    tailByChannel: map(str, list(pair(u64, logEntry))),
    /** Since quincy lines have their own records: (first, last) by channel, and the keys of the newest. */
    channelInfo: since(4, map(str, pair(u64, u64))),
    recentKeys: since(4, struct('LRUSet', { version: 1, compat: 1 }, { keys: list(logEntryKey) })),
  },
);
export type LogSummary = ValueOf<typeof logSummary>;
