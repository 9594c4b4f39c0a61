import type { XlatorClass } from '../graph/xlator.ts';
import { Distribute } from './cluster/distribute/index.ts';
import { DelayGen } from './debug/delay-gen/delay-gen.ts';
import { ErrorGen } from './debug/error-gen/error-gen.ts';
import { IoStats } from './debug/io-stats/index.ts';
import { Trace } from './debug/trace/trace.ts';
import { Utime } from './features/utime/utime.ts';
import { Meta } from './meta/meta.ts';
import { IoCache } from './performance/io-cache/io-cache.ts';
import { IoThreads } from './performance/io-threads/io-threads.ts';
import { MdCache } from './performance/md-cache/md-cache.ts';
import { OpenBehind } from './performance/open-behind/open-behind.ts';
import { QuickRead } from './performance/quick-read/quick-read.ts';
import { ReadAhead } from './performance/read-ahead/read-ahead.ts';
import { ReaddirAhead } from './performance/readdir-ahead/readdir-ahead.ts';
import { WriteBehind } from './performance/write-behind/write-behind.ts';
import { ProtocolClient } from './protocol/client/index.ts';
import { PosixAcl } from './system/posix-acl/index.ts';

/** Every translator there is, by the type that volfiles name. */
const TYPES: Readonly<Record<string, XlatorClass>> = {
  'cluster/distribute': Distribute,
  'debug/delay-gen': DelayGen,
  'debug/error-gen': ErrorGen,
  'debug/io-stats': IoStats,
  'debug/trace': Trace,
  'features/utime': Utime,
  meta: Meta,
  'performance/io-threads': IoThreads,
  'performance/io-cache': IoCache,
  'performance/md-cache': MdCache,
  'performance/open-behind': OpenBehind,
  'performance/quick-read': QuickRead,
  'performance/read-ahead': ReadAhead,
  'performance/readdir-ahead': ReaddirAhead,
  'performance/write-behind': WriteBehind,
  'protocol/client': ProtocolClient,
  'system/posix-acl': PosixAcl,
};

/** The class of a type; undefined for a type that is not there. */
export function xlatorRegistry(type: string): XlatorClass | undefined {
  return Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
}
