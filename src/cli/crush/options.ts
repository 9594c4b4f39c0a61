import { NacreError } from '../../base/errors.ts';
import type { CrushTestOptions } from '../../ceph/crush/tester.ts';
import { type CrushTunables, TUNABLES_PROFILES, type TunablesProfile } from '../../ceph/crush/tunables.ts';
import { CliError } from '../shared/errors.ts';
import { ArgList, parseFloatPrefix, parseInteger } from './args.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface AddItem {
  readonly id: number;
  readonly weight: number;
  readonly name: string;
  /** From wherever it is now. */
  readonly update: boolean;
}

export interface AddRule {
  readonly name: string;
  readonly root: string;
  readonly type: string;
  readonly mode: string;
}

/** What one call is asked to do. */
export interface CrushArgs {
  verbose: number;
  infile: string;
  outfile: string;
  /** Source of --compile. */
  source: string | undefined;
  decompile: boolean;
  build: boolean;
  devices: number;
  /** Layers of --build: name, kind, size. */
  layers: string[];
  profile: TunablesProfile | undefined;
  tunables: Partial<CrushTunables>;
  location: Map<string, string>;
  reweightItem: { readonly name: string; readonly weight: number } | undefined;
  removeItem: string | undefined;
  addItem: AddItem | undefined;
  addBucket: { readonly name: string; readonly type: string } | undefined;
  move: string | undefined;
  addRule: AddRule | undefined;
  deviceClass: string;
  removeRule: string | undefined;
  reweight: boolean;
  rebuildClassRoots: boolean;
  subtreeClasses: Map<string, string>;
  reclassify: boolean;
  reclassifyRoots: Map<string, string>;
  reclassifyBuckets: Map<string, { deviceClass: string; defaultParent: string }>;
  showLocation: number | undefined;
  tree: boolean;
  bucketTree: boolean;
  bucketName: string;
  dump: boolean;
  format: string;
  /** undefined: no --check; -1: without names. */
  check: number | undefined;
  test: boolean;
  testOptions: Mutable<CrushTestOptions> & { weights: Map<number, number> };
  compare: string | undefined;
}

function initial(): CrushArgs {
  return {
    verbose: 0,
    infile: '',
    outfile: '',
    source: undefined,
    decompile: false,
    build: false,
    devices: 0,
    layers: [],
    profile: undefined,
    tunables: {},
    location: new Map(),
    reweightItem: undefined,
    removeItem: undefined,
    addItem: undefined,
    addBucket: undefined,
    move: undefined,
    addRule: undefined,
    deviceClass: '',
    removeRule: undefined,
    reweight: false,
    rebuildClassRoots: false,
    subtreeClasses: new Map(),
    reclassify: false,
    reclassifyRoots: new Map(),
    reclassifyBuckets: new Map(),
    showLocation: undefined,
    tree: false,
    bucketTree: false,
    bucketName: '',
    dump: false,
    format: 'json-pretty',
    check: undefined,
    test: false,
    testOptions: { weights: new Map() },
    compare: undefined,
  };
}

type Reader = (list: ArgList, args: CrushArgs) => boolean;

/** An option that stands alone. */
function flag(names: string[], set: (args: CrushArgs) => void): Reader {
  return (list, args) => {
    if (!list.flag(...names)) return false;
    set(args);
    return true;
  };
}

/** An option with a value, and perhaps more that `set` takes with `more`. */
function option(names: string[], set: (args: CrushArgs, value: string, more: () => string) => void): Reader {
  return (list, args) => {
    const value = list.value(...names);
    if (value === undefined) return false;
    set(args, value, () => list.next(`expecting additional argument to ${names.at(-1)}`));
    return true;
  };
}

function tunable(name: string, key: keyof CrushTunables): Reader {
  return option([`--set-${name}`], (args, value) => {
    args.tunables[key] = parseInteger(value);
  });
}

function testNumber(name: string, set: (options: Mutable<CrushTestOptions>, value: number) => void): Reader {
  return option([name], (args, value) => set(args.testOptions, parseInteger(value)));
}

function testFlag(
  name: string,
  key:
    | 'showMappings'
    | 'showBadMappings'
    | 'showStatistics'
    | 'showUtilization'
    | 'showUtilizationAll'
    | 'showChooseTries',
): Reader {
  return flag([name], args => {
    args.testOptions[key] = true;
  });
}

function missing(name: string): Reader {
  return list => {
    if (!list.flag(name)) return false;
    throw new NacreError('ENOTSUP', 'crush', `${name} is not provided`);
  };
}

const READERS: readonly Reader[] = [
  option(['-d', '--decompile'], (args, value) => {
    args.infile = value;
    args.decompile = true;
  }),
  option(['-i', '--infn'], (args, value) => {
    args.infile = value;
  }),
  option(['-o', '--outfn'], (args, value) => {
    args.outfile = value;
  }),
  flag(['-v', '--verbose'], args => {
    args.verbose++;
  }),
  option(['--compare'], (args, value) => {
    args.compare = value;
  }),
  flag(['--reclassify'], args => {
    args.reclassify = true;
  }),
  option(['--reclassify-bucket'], (args, value, more) => {
    args.reclassifyBuckets.set(value, { deviceClass: more(), defaultParent: more() });
  }),
  option(['--reclassify-root'], (args, value, more) => {
    args.reclassifyRoots.set(value, more());
  }),
  option(['--set-subtree-class'], (args, value, more) => {
    args.subtreeClasses.set(value, more());
  }),
  flag(['--tree'], args => {
    args.tree = true;
  }),
  flag(['--bucket-tree'], args => {
    args.bucketTree = true;
  }),
  option(['-b', '--bucket-name'], (args, value) => {
    args.bucketName = value;
  }),
  option(['-f', '--format'], (args, value) => {
    args.format = value;
  }),
  flag(['--dump'], args => {
    args.dump = true;
  }),
  testFlag('--show-utilization', 'showUtilization'),
  testFlag('--show-utilization-all', 'showUtilizationAll'),
  testFlag('--show-statistics', 'showStatistics'),
  testFlag('--show-mappings', 'showMappings'),
  testFlag('--show-bad-mappings', 'showBadMappings'),
  testFlag('--show-choose-tries', 'showChooseTries'),
  option(['-c', '--compile'], (args, value) => {
    args.source = value;
  }),
  // The highest id may be left out at the end of the line.
  (list, args) => {
    if (list.last && list.flag('--check')) args.check = -1;
    else {
      const value = list.number('--check');
      if (value === undefined) return false;
      args.check = value;
    }
    return true;
  },
  flag(['-t', '--test'], args => {
    args.test = true;
  }),
  option(['--show-location'], (args, value) => {
    args.showLocation = parseInteger(value);
  }),
  flag(['-s', '--simulate'], args => {
    args.testOptions.simulate = true;
  }),
  // All tunables are safe by now.
  flag(['--enable-unsafe-tunables'], () => {}),
  tunable('choose-local-tries', 'chooseLocalTries'),
  tunable('choose-local-fallback-tries', 'chooseLocalFallbackTries'),
  tunable('choose-total-tries', 'chooseTotalTries'),
  tunable('chooseleaf-descend-once', 'chooseleafDescendOnce'),
  tunable('chooseleaf-vary-r', 'chooseleafVaryR'),
  tunable('chooseleaf-stable', 'chooseleafStable'),
  tunable('straw-calc-version', 'strawCalcVersion'),
  tunable('allowed-bucket-algs', 'allowedBucketAlgs'),
  option(['--tunables'], (args, value) => {
    const profile = TUNABLES_PROFILES.find(known => known === value);
    if (profile === undefined)
      throw new CliError(`no tunables '${value}': ${TUNABLES_PROFILES.join(', ')} are there`);
    args.profile = profile;
  }),
  flag(['--reweight'], args => {
    args.reweight = true;
  }),
  flag(['--rebuild-class-roots'], args => {
    args.rebuildClassRoots = true;
  }),
  option(['--add-item'], (args, value, more) => {
    const id = parseInteger(value);
    args.addItem = { id, weight: parseFloatPrefix(more()), name: more(), update: false };
  }),
  option(['--update-item'], (args, value, more) => {
    const id = parseInteger(value);
    args.addItem = { id, weight: parseFloatPrefix(more()), name: more(), update: true };
  }),
  option(['--add-bucket'], (args, value, more) => {
    args.addBucket = { name: value, type: more() };
  }),
  option(['--move'], (args, value) => {
    args.move = value;
  }),
  option(['--create-simple-rule'], (args, value, more) => {
    args.addRule = { name: value, root: more(), type: more(), mode: more() };
    const { name, root, type, mode } = args.addRule;
    process.stdout.write(`--create-simple-rule: name=${name} root=${root} type=${type} mode=${mode}\n`);
  }),
  option(['--create-replicated-rule'], (args, value, more) => {
    args.addRule = { name: value, root: more(), type: more(), mode: 'firstn' };
    const { name, root, type } = args.addRule;
    process.stdout.write(`--create-replicated-rule: name=${name} root=${root} type=${type}\n`);
  }),
  option(['--device-class'], (args, value) => {
    args.deviceClass = value;
  }),
  option(['--remove-rule'], (args, value) => {
    args.removeRule = value;
  }),
  option(['--loc'], (args, value, more) => {
    args.location.set(value, more());
  }),
  missing('--output-csv'),
  missing('--help-output'),
  option(['--output-name'], () => {}),
  option(['--remove-item'], (args, value) => {
    args.removeItem = value;
  }),
  option(['--reweight-item'], (args, value, more) => {
    args.reweightItem = { name: value, weight: parseFloatPrefix(more()) };
  }),
  flag(['--build'], args => {
    args.build = true;
  }),
  option(['--num-osds'], (args, value) => {
    args.devices = parseInteger(value);
  }),
  testNumber('--num-rep', (options, n) => {
    options.minRep = n;
    options.maxRep = n;
  }),
  testNumber('--min-rep', (options, n) => {
    options.minRep = n;
  }),
  testNumber('--max-rep', (options, n) => {
    options.maxRep = n;
  }),
  testNumber('--min-x', (options, n) => {
    options.minX = n;
  }),
  testNumber('--max-x', (options, n) => {
    options.maxX = n;
  }),
  testNumber('--x', (options, n) => {
    options.minX = n;
    options.maxX = n;
  }),
  testNumber('--pool-id', (options, n) => {
    options.poolId = n;
  }),
  testNumber('--min-rule', (options, n) => {
    options.minRule = n;
  }),
  testNumber('--max-rule', (options, n) => {
    options.maxRule = n;
  }),
  testNumber('--rule', (options, n) => {
    options.minRule = n;
    options.maxRule = n;
  }),
  testNumber('--ruleset', (options, n) => {
    options.ruleset = n;
  }),
  testNumber('--batches', (options, n) => {
    options.batches = n;
  }),
  option(['--mark-down-ratio'], (args, value) => {
    args.testOptions.markDownRatio = parseFloatPrefix(value);
  }),
  option(['--mark-down-bucket-ratio'], (args, value) => {
    args.testOptions.markDownBucketRatio = parseFloatPrefix(value);
  }),
  option(['-w', '--weight'], (args, value, more) => {
    const fixed = Math.trunc(Math.fround(parseFloatPrefix(more())) * 0x10000);
    args.testOptions.weights.set(parseInteger(value), Math.min(0x10000, Math.max(0, fixed)));
  }),
];

/**
 * Reads the arguments of crushtool.
 * @throws CliError for what it would refuse, NacreError ENOTSUP for what we do not have
 */
export function parseCrushArgs(argv: readonly string[]): CrushArgs {
  const list = new ArgList(argv);
  const args = initial();
  while (!list.done) {
    if (list.flag('--')) {
      list.passAll();
      break;
    }
    if (!READERS.some(read => read(list, args))) list.pass();
  }
  args.layers = list.rest;
  return args;
}
