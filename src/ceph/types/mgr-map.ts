import { bool, derived, list, map, since, str, struct, u8, u32, u64b, utime, type ValueOf } from './codec.ts';
import { entityAddr, entityAddrVec } from './codecs.ts';
import { compareBytewise } from './hobject.ts';
import { metadata } from './wrappers.ts';

/** MgrMap::ModuleOption (mon/MgrMap.h). `type` and `level` are Option::type_t and level_t. */
export const mgrModuleOption = struct(
  'MgrMap::ModuleOption',
  { version: 1, compat: 1 },
  {
    name: str,
    type: u8,
    level: u8,
    flags: u32,
    defaultValue: str,
    min: str,
    max: str,
    enumAllowed: list(str),
    desc: str,
    longDesc: str,
    tags: list(str),
    seeAlso: list(str),
  },
);
export type MgrModuleOption = ValueOf<typeof mgrModuleOption>;

/** MgrMap::ModuleInfo. */
export const mgrModuleInfo = struct(
  'MgrMap::ModuleInfo',
  { version: 2, compat: 1 },
  { name: str, canRun: bool, errorString: str, moduleOptions: since(2, map(str, mgrModuleOption)) },
);
export type MgrModuleInfo = ValueOf<typeof mgrModuleInfo>;

/** MgrMap::StandbyInfo. */
export const mgrStandbyInfo = struct(
  'MgrMap::StandbyInfo',
  { version: 4, compat: 1, oldest: 4 },
  {
    gid: u64b,
    name: str,
    moduleNames: derived(list(str), (v: { availableModules: readonly MgrModuleInfo[] }) =>
      [...new Set(v.availableModules.map(m => m.name))].sort(compareBytewise),
    ),
    availableModules: list(mgrModuleInfo),
    mgrFeatures: u64b,
  },
);
export type MgrStandbyInfo = ValueOf<typeof mgrStandbyInfo>;

/** MgrMap: which manager is active, and what it offers. */
export const mgrMap = struct(
  'MgrMap',
  { version: 11, known: 13, compat: 6, oldest: 6 },
  {
    epoch: u32,
    activeAddrs: entityAddrVec,
    activeGid: u64b,
    /** The active one is ready to serve. */
    available: bool,
    activeName: str,
    standbys: map(u64b, mgrStandbyInfo),
    modules: list(str),
    /** Module name to URI. */
    services: map(str, str),
    availableModules: list(mgrModuleInfo),
    activeChange: since(7, utime),
    /** By release number. */
    alwaysOnModules: since(8, map(u32, list(str))),
    activeMgrFeatures: since(9, u64b),
    lastFailureOsdEpoch: since(10, u32),
    clients: since(11, list(entityAddrVec)),
    clientNames: since(12, list(str)),
    flags: since(13, u64b),
  },
);
export type MgrMap = ValueOf<typeof mgrMap>;

/** ServiceMap::Daemon (mgr/ServiceMap.h). */
export const serviceDaemon = struct(
  'ServiceMap::Daemon',
  { version: 2, compat: 1 },
  {
    gid: u64b,
    addr: entityAddr,
    startEpoch: u32,
    startStamp: utime,
    metadata,
    taskStatus: since(2, metadata),
  },
);
export type ServiceDaemon = ValueOf<typeof serviceDaemon>;

/** ServiceMap::Service. */
export const service = struct(
  'ServiceMap::Service',
  { version: 1, compat: 1 },
  { daemons: map(str, serviceDaemon), summary: str },
);
export type Service = ValueOf<typeof service>;

/** ServiceMap: daemons that are not part of the core (rgw, rbd-mirror ...). */
export const serviceMap = struct(
  'ServiceMap',
  { version: 1, compat: 1 },
  { epoch: u32, modified: utime, services: map(str, service) },
);
export type ServiceMap = ValueOf<typeof serviceMap>;
