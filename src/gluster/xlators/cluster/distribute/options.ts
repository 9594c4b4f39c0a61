import type { Options, OptionTable } from '../../../graph/option-types.ts';
import { DEFAULT_RSYNC_REGEX } from './hash.ts';

/** Options of cluster/distribute (dht-shared.c of 10.3). Those of the rebalance daemon are taken and mean nothing to a client. */
export const DISTRIBUTE_OPTIONS: OptionTable = {
  'lookup-unhashed': {
    kind: 'string',
    default: 'on',
    values: ['auto', 'yes', 'no', 'enable', 'disable', '1', '0', 'on', 'off', 'true', 'false'],
    reconfigurable: true,
    description:
      'Look for a name on all bricks when the one that it hashes to does not have it. auto: only where a listing showed names ' +
      'on other bricks. off: as on, as in GlusterFS 10.3. Without effect while lookup-optimize is on.',
  },
  'lookup-optimize': {
    kind: 'bool',
    default: 'on',
    reconfigurable: true,
    description:
      'Believe the brick that a name hashes to when it does not have it, in directories whose layout is of the volume’s last ' +
      'complete rebalance.',
  },
  'min-free-disk': {
    kind: 'percent-or-size',
    default: '10%',
    reconfigurable: true,
    description: 'New files go to another brick when less than this is free on theirs.',
  },
  'min-free-inodes': {
    kind: 'percent',
    default: '5%',
    reconfigurable: true,
    description: 'New files go to another brick when fewer inodes than this are free on theirs.',
  },
  'unhashed-sticky-bit': {
    kind: 'bool',
    default: 'off',
    description: 'Show files that are not on the brick that they hash to with the sticky bit.',
  },
  'use-readdirp': {
    kind: 'bool',
    default: 'on',
    reconfigurable: true,
    description: 'List directories with attributes even when they were not asked for.',
  },
  'assert-no-child-down': {
    kind: 'bool',
    default: 'off',
    description: 'A brick that goes down ends the use of the volume. Meant for the rebalance daemon.',
  },
  'directory-layout-spread': {
    kind: 'int',
    min: 1,
    reconfigurable: true,
    description: 'How many bricks a new directory is spread over; all by default.',
  },
  'decommissioned-bricks': {
    kind: 'any',
    reconfigurable: true,
    description:
      'Names of the children, with commas between them, that get no new files and no part of new directories.',
  },
  'rebalance-cmd': { kind: 'int', description: 'What the rebalance daemon is to do.' },
  'commit-hash': { kind: 'int', description: 'The commit hash that the rebalance daemon writes.' },
  'node-uuid': { kind: 'string', description: 'Node of the rebalance daemon.' },
  'rebalance-stats': {
    kind: 'bool',
    default: 'off',
    reconfigurable: true,
    description: 'Log how long the rebalance of each file took.',
  },
  'readdir-optimize': {
    kind: 'bool',
    default: 'off',
    reconfigurable: true,
    description: 'Take directories in a listing from one brick only, and let the others leave them out.',
  },
  'rsync-hash-regex': {
    kind: 'string',
    reconfigurable: true,
    description: `Extended regular expression; of a name that matches, only the first group is hashed. none: none. By default, rsync’s temporary names: ${DEFAULT_RSYNC_REGEX}`,
  },
  'extra-hash-regex': {
    kind: 'string',
    reconfigurable: true,
    description: 'As rsync-hash-regex, tried first.',
  },
  'rebalance-filter': { kind: 'string', description: 'Files that the rebalance daemon moves.' },
  'xattr-name': {
    kind: 'string',
    default: 'trusted.glusterfs.dht',
    description:
      'Base of the names of the extended attributes; differs where one distribute is below another.',
  },
  'weighted-rebalance': {
    kind: 'bool',
    default: 'on',
    reconfigurable: true,
    description: 'Give bricks parts of new directories in proportion to their size.',
  },
  'local-volume-name': { kind: 'xlator', description: 'Only for cluster/nufa.' },
  'pattern.switch.case': { kind: 'any', description: 'Only for cluster/switch.' },
  'randomize-hash-range-by-gfid': {
    kind: 'bool',
    default: 'off',
    reconfigurable: true,
    description: 'Choose the brick with the first range of a new directory by its gfid, not its path.',
  },
  'rebal-throttle': {
    kind: 'string',
    default: 'normal',
    reconfigurable: true,
    description: 'How many files the rebalance daemon moves at once: lazy, normal, aggressive.',
  },
  'lock-migration': {
    kind: 'bool',
    default: 'off',
    reconfigurable: true,
    description: 'Let the rebalance daemon take POSIX locks along with a file.',
  },
  'force-migration': {
    kind: 'bool',
    default: 'off',
    reconfigurable: true,
    description: 'Let the rebalance daemon move files that are being written.',
  },
  'ensure-durability': {
    kind: 'bool',
    default: 'on',
    reconfigurable: true,
    description: 'Let the rebalance daemon fsync what it moved.',
  },
};

export type LookupUnhashed = 'on' | 'off' | 'auto';

/** What the options say, read once. */
export interface DistributeConfig {
  readonly lookupUnhashed: LookupUnhashed;
  readonly lookupOptimize: boolean;
  /** Percent, or bytes. */
  readonly minFreeDisk: number;
  readonly diskInPercent: boolean;
  readonly minFreeInodes: number;
  readonly unhashedStickyBit: boolean;
  readonly useReaddirp: boolean;
  readonly assertNoChildDown: boolean;
  /** 0: all. */
  readonly spread: number;
  readonly decommissioned: readonly string[];
  readonly readdirOptimize: boolean;
  readonly rsyncRegex: string | undefined;
  readonly extraRegex: string | undefined;
  readonly weightedRebalance: boolean;
  readonly randomizeByGfid: boolean;
  readonly xattrName: string;
}

export function readConfig(options: Options): DistributeConfig {
  const minFreeDisk = options.number('min-free-disk');
  const decommissioned = options.text('decommissioned-bricks') ?? '';
  return {
    lookupUnhashed: lookupUnhashed(options.string('lookup-unhashed')),
    lookupOptimize: options.bool('lookup-optimize'),
    minFreeDisk,
    // As in Gluster, where '50' without a unit is fifty percent, too.
    diskInPercent: minFreeDisk < 100,
    minFreeInodes: options.number('min-free-inodes'),
    unhashedStickyBit: options.bool('unhashed-sticky-bit'),
    useReaddirp: options.bool('use-readdirp'),
    assertNoChildDown: options.bool('assert-no-child-down'),
    spread: options.isSet('directory-layout-spread') ? options.number('directory-layout-spread') : 0,
    decommissioned: decommissioned.split(',').filter(name => name !== ''),
    readdirOptimize: options.bool('readdir-optimize'),
    rsyncRegex: options.text('rsync-hash-regex'),
    extraRegex: options.text('extra-hash-regex'),
    weightedRebalance: options.bool('weighted-rebalance'),
    randomizeByGfid: options.bool('randomize-hash-range-by-gfid'),
    xattrName: options.string('xattr-name'),
  };
}

function lookupUnhashed(text: string): LookupUnhashed {
  switch (text.toLowerCase()) {
    case 'auto':
      return 'auto';
    case 'no':
    case 'disable':
    case '0':
    case 'off':
    case 'false':
      return 'off';
    default:
      return 'on';
  }
}
