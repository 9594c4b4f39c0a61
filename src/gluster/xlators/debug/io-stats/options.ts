import type { OptionTable } from '../../../graph/option-types.ts';

const LEVELS = ['DEBUG', 'WARNING', 'ERROR', 'INFO', 'CRITICAL', 'NONE', 'TRACE'];
const LOGGERS = ['gluster-log', 'syslog'];
const FORMATS = ['no-msg-id', 'with-msg-id'];

/** As GlusterFS 10.3 has them. Those of logging and threads are for its processes, and only read here. */
export const IO_STATS_OPTIONS: OptionTable = {
  'dump-fd-stats': {
    kind: 'bool',
    default: 'off',
    reconfigurable: true,
    description: 'Logs what was read and written through a file when it is closed.',
  },
  'ios-dump-interval': {
    kind: 'int',
    min: 0,
    max: 3600,
    default: '0',
    reconfigurable: true,
    description: 'Seconds between dumps into files; 0: none.',
  },
  'ios-sample-interval': {
    kind: 'int',
    min: 0,
    max: 65535,
    default: '0',
    reconfigurable: true,
    description: 'Takes a latency sample of every so manieth fop; 0: none.',
  },
  'ios-dump-format': {
    kind: 'string',
    values: ['text', 'json', 'dict', 'samples'],
    default: 'json',
    reconfigurable: true,
    description: 'Format of dumps into files.',
  },
  'ios-sample-buf-size': {
    kind: 'int',
    min: 1024,
    max: 1048576,
    default: '65535',
    reconfigurable: true,
    description: 'How many samples are kept.',
  },
  'ios-dnscache-ttl-sec': {
    kind: 'int',
    min: 1,
    max: 259200,
    default: '86400',
    description: 'How long names of clients in samples are remembered.',
  },
  'latency-measurement': {
    kind: 'bool',
    default: 'off',
    reconfigurable: true,
    description: 'Measures how long fops take.',
  },
  'count-fop-hits': { kind: 'bool', default: 'off', reconfigurable: true, description: 'Counts fops.' },
  'log-level': { kind: 'string', values: LEVELS, reconfigurable: true, description: 'What is logged.' },
  'client-log-level': { kind: 'string', values: LEVELS, default: 'INFO', description: 'What clients log.' },
  'brick-log-level': { kind: 'string', values: LEVELS, default: 'INFO', description: 'What bricks log.' },
  'sys-log-level': {
    kind: 'string',
    values: ['WARNING', 'ERROR', 'INFO', 'CRITICAL'],
    default: 'CRITICAL',
    reconfigurable: true,
    description: 'What goes to syslog.',
  },
  logger: { kind: 'string', values: LOGGERS, description: 'Where logs go.' },
  'client-logger': { kind: 'string', values: LOGGERS, default: 'gluster-log', description: "Clients' logs." },
  'brick-logger': { kind: 'string', values: LOGGERS, default: 'gluster-log', description: "Bricks' logs." },
  'log-format': { kind: 'string', values: FORMATS, description: 'How log lines look.' },
  'client-log-format': {
    kind: 'string',
    values: FORMATS,
    default: 'with-msg-id',
    description: "Clients' lines.",
  },
  'brick-log-format': {
    kind: 'string',
    values: FORMATS,
    default: 'with-msg-id',
    description: "Bricks' lines.",
  },
  'log-buf-size': {
    kind: 'int',
    min: 0,
    max: 20,
    default: '5',
    description: 'Log lines that are held back.',
  },
  'client-log-buf-size': { kind: 'int', min: 0, max: 20, default: '5', description: 'The same of clients.' },
  'brick-log-buf-size': { kind: 'int', min: 0, max: 20, default: '5', description: 'The same of bricks.' },
  'log-flush-timeout': { kind: 'time', min: 30, max: 300, default: '120', description: 'For how long.' },
  'client-log-flush-timeout': { kind: 'time', min: 30, max: 300, default: '120', description: 'On clients.' },
  'brick-log-flush-timeout': { kind: 'time', min: 30, max: 300, default: '120', description: 'On bricks.' },
  'unique-id': {
    kind: 'string',
    default: '/no/such/path',
    description: 'Part of the names of files that are written; by default the name of the volume.',
  },
  'global-threading': { kind: 'bool', default: 'off', description: 'A thread pool for all of a process.' },
  threads: { kind: 'int', description: 'Its threads.' },
  'brick-threads': { kind: 'int', min: 0, max: 64, default: '16', description: 'Its threads in bricks.' },
  'client-threads': { kind: 'int', min: 0, max: 64, default: '16', description: 'Its threads in clients.' },
  'volume-id': { kind: 'string', description: 'UUID of the volume.' },
};
