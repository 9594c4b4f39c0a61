import { debugLevels, type OptionSpec, type OptionTable } from './option.ts';
import { COMMON_OPTIONS } from './options-common.ts';
import { MS_OPTIONS } from './options-messenger.ts';
import { MON_OPTIONS } from './options-mon.ts';
import { OSD_OPTIONS } from './options-osd.ts';
import { RBD_OPTIONS } from './options-rbd.ts';
import { SUBSYSTEMS, type SubsystemName } from './subsystems.ts';

type DebugOptions = { readonly [S in SubsystemName as `debug_${S}`]: OptionSpec<string> };

const DEBUG_OPTIONS = Object.fromEntries(
  SUBSYSTEMS.map(({ name, log, gather }) => [`debug_${name}`, debugLevels(log, gather, name)]),
) as DebugOptions;

const KNOWN = {
  ...COMMON_OPTIONS,
  ...MS_OPTIONS,
  ...OSD_OPTIONS,
  ...MON_OPTIONS,
  ...RBD_OPTIONS,
  ...DEBUG_OPTIONS,
};

/** Names of the options in the table. */
export type OptionName = keyof typeof KNOWN;

/** What `Config.get` returns for an option. */
export type ValueOf<N extends OptionName> = (typeof KNOWN)[N] extends OptionSpec<infer T> ? T : never;

/** Every option, sorted by name. */
export const OPTIONS: OptionTable = Object.fromEntries(
  // Names are sorted rather than entries: it is on the way of every start, and several times faster.
  (Object.keys(KNOWN) as OptionName[]).sort().map(name => [name, KNOWN[name]]),
);
