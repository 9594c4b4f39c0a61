import { NacreError } from '../../base/errors.ts';

/** MON_CAP_*. */
export const MON_CAP_R = 1;
export const MON_CAP_W = 2;
export const MON_CAP_X = 4;
export const MON_CAP_ALL = 0xff;

/** A constraint on one argument of a command: its value, a prefix of it, or a regular expression. */
export interface ArgConstraint {
  readonly kind: '=' | 'prefix' | 'regex';
  readonly value: string;
}

/** One clause of monitor capabilities (MonCapGrant, mon/MonCap.h). */
export interface MonCapGrant {
  /** 'osd', 'mon' ...; '' for any. */
  readonly service: string;
  readonly profile: string;
  /** Prefix of the command allowed; '' for none. */
  readonly command: string;
  readonly args: ReadonlyMap<string, ArgConstraint>;
  /** MON_CAP_*. */
  readonly allow: number;
}

const NO_ARGS: ReadonlyMap<string, ArgConstraint> = new Map();

function grant(fields: Partial<MonCapGrant>): MonCapGrant {
  return { service: '', profile: '', command: '', args: NO_ARGS, allow: 0, ...fields };
}

const service = (name: string, allow: number) => grant({ service: name, allow });
const command = (name: string, args?: Record<string, ArgConstraint>) =>
  grant({ command: name, args: args === undefined ? NO_ARGS : new Map(Object.entries(args)) });
const begins = (value: string): ArgConstraint => ({ kind: 'prefix', value });
const equals = (value: string): ArgConstraint => ({ kind: '=', value });
const matches = (value: string): ArgConstraint => ({ kind: 'regex', value });

const RX = MON_CAP_R | MON_CAP_X;
const RW = MON_CAP_R | MON_CAP_W;
const RWX = RW | MON_CAP_X;

/** What every authenticated peer needs of the monitors to work at all. */
const MAPS = [service('mon', MON_CAP_R), service('osd', MON_CAP_R), service('pg', MON_CAP_R)];

function bootstrap(kind: string, extra: readonly MonCapGrant[] = []): MonCapGrant[] {
  return [service('mon', MON_CAP_R), command('auth get-or-create', { entity: begins(`${kind}.`) }), ...extra];
}

/** Clauses that a profile stands for (MonCapGrant::expand_profile). `entity`: who asks. */
function profileGrants(profile: string, entity: string): readonly MonCapGrant[] {
  switch (profile) {
    case 'mon':
      return ['mds', 'osd', 'log', 'mon', 'mgr', 'config-key'].map(name => service(name, MON_CAP_ALL));
    case 'mgr':
      return [
        service('mgr', MON_CAP_ALL),
        ...['log', 'mon', 'mds', 'osd'].map(name => service(name, RW)),
        service('config', RW),
        service('config-key', MON_CAP_R),
        ...['auth add', 'auth get', 'auth get-or-create', 'auth ls', 'auth rm', 'auth caps'].map(name =>
          command(name),
        ),
        command('config-key set', { key: begins('mgr/') }),
      ];
    case 'osd':
      return [
        service('osd', MON_CAP_ALL),
        service('mon', MON_CAP_R),
        service('pg', RW),
        service('log', MON_CAP_W),
        service('mgr', RX),
      ];
    case 'mds':
      return [
        service('mds', MON_CAP_ALL),
        service('mon', MON_CAP_R),
        service('osd', MON_CAP_R),
        service('log', MON_CAP_W),
        command('osd blocklist'),
      ];
    case 'bootstrap-osd':
      return [
        service('mon', MON_CAP_R),
        command('mon getmap'),
        command('osd new'),
        command('osd purge-new'),
        command('auth get-or-create', { entity: equals('client.bootstrap-osd') }),
      ];
    case 'bootstrap-mds':
      return bootstrap('mds');
    case 'bootstrap-mgr':
      return bootstrap('mgr');
    case 'bootstrap-rgw':
      return bootstrap('client.rgw');
    case 'bootstrap-rbd':
      return [service('mon', MON_CAP_R), command('auth get-or-create', { entity: begins('client.') })];
    case 'bootstrap-rbd-mirror':
      return bootstrap('client.rbd-mirror', [command('config-key set', { key: begins('rbd/mirror/') })]);
    case 'fs-client':
      return [service('mon', MON_CAP_R), service('mds', MON_CAP_R), ...MAPS.slice(1)];
    case 'rbd':
    case 'rbd-mirror':
    case 'rbd-read-only':
      return [
        service('mon', MON_CAP_R),
        service('osd', MON_CAP_R),
        service('pg', MON_CAP_R),
        ...(profile === 'rbd-read-only'
          ? []
          : [
              command('osd blocklist', {
                blocklistop: equals('add'),
                addr: matches('^[^/]+:[0-9]+/[0-9]+$'),
              }),
              command('osd blacklist', {
                blacklistop: equals('add'),
                addr: matches('^[^/]+:[0-9]+/[0-9]+$'),
              }),
            ]),
        ...(profile === 'rbd-mirror'
          ? [command('config-key get', { key: begins('rbd/mirror/') }), service('config-key', MON_CAP_R)]
          : []),
      ];
    case 'role-definer':
      return [service('mon', MON_CAP_R), service('auth', MON_CAP_ALL)];
    case 'read-only':
      return ['auth', 'mon', 'mds', 'osd', 'pg', 'log', 'mgr', 'config'].map(name =>
        service(name, MON_CAP_R),
      );
    case 'read-write':
      return ['mon', 'mds', 'osd', 'pg', 'mgr', 'config-key', 'config'].map(name => service(name, RW));
    case 'simple-rados-client':
      return MAPS;
    case 'simple-rados-client-with-blocklist':
      return [...MAPS, command('osd blocklist', { blocklistop: equals('add') })];
    case 'crash':
      return entity === '' ? [] : [service('log', MON_CAP_W), service('mgr', RX)];
    default:
      return [];
  }
}

/** Capabilities at the monitors, parsed. */
export class MonCaps {
  readonly text: string;
  private readonly grants: readonly MonCapGrant[];

  private constructor(text: string, grants: readonly MonCapGrant[]) {
    this.text = text;
    this.grants = grants;
  }

  static readonly ALL = new MonCaps('allow *', [grant({ allow: MON_CAP_ALL })]);
  static readonly NONE = new MonCaps('', []);

  get isAllowAll(): boolean {
    return this.grants.some(g => isAllowAll(g));
  }

  /**
   * Reads 'allow r', 'allow service osd rw', 'allow profile osd', 'profile rbd',
   * 'allow command "auth get" with entity=client.x', separated by commas or semicolons.
   * @throws NacreError EINVAL that says where reading stopped
   */
  static parse(text: string): MonCaps {
    const grants: MonCapGrant[] = [];
    const scan = new Scanner(text);
    while (!scan.atEnd) {
      grants.push(parseGrant(scan));
      scan.take(/^\s+$/);
      if (scan.atEnd) break;
      if (!scan.take(/^\s*[,;]\s*/) || scan.atEnd) scan.fail();
    }
    return new MonCaps(text, grants);
  }

  /** Whether an entity with these may do something: a command of a service, with what it needs of r, w and x. */
  isCapable(
    entity: string,
    serviceName: string,
    commandName: string,
    args: ReadonlyMap<string, string>,
    need: number,
  ): boolean {
    let allowed = 0;
    for (const one of this.grants) {
      if (isAllowAll(one)) return true;
      allowed |= allowedBy(one, entity, serviceName, commandName, args);
      if ((allowed & need) === need) return true;
    }
    return false;
  }
}

function isAllowAll(g: MonCapGrant): boolean {
  return g.allow === MON_CAP_ALL && g.service === '' && g.profile === '' && g.command === '';
}

function argFits(have: string | undefined, want: ArgConstraint): boolean {
  if (have === undefined) return false;
  if (want.kind === '=') return have === want.value;
  if (want.kind === 'prefix') return have.startsWith(want.value);
  try {
    return new RegExp(want.value).test(have);
  } catch {
    return false;
  }
}

function allowedBy(
  g: MonCapGrant,
  entity: string,
  serviceName: string,
  commandName: string,
  args: ReadonlyMap<string, string>,
): number {
  if (g.profile !== '') {
    let allowed = 0;
    for (const each of profileGrants(g.profile, entity))
      allowed |= allowedBy(each, entity, serviceName, commandName, args);
    return allowed;
  }
  if (g.service !== '') return g.service === serviceName ? g.allow : 0;
  if (g.command !== '') {
    if (g.command !== commandName) return 0;
    for (const [name, want] of g.args) if (!argFits(args.get(name), want)) return 0;
    return MON_CAP_ALL;
  }
  return g.allow;
}

class Scanner {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
    this.take(/^\s*/);
  }

  get atEnd(): boolean {
    return this.at >= this.text.length;
  }

  take(pattern: RegExp): RegExpExecArray | undefined {
    const m = pattern.exec(this.text.slice(this.at));
    if (m === null) return undefined;
    this.at += m[0].length;
    return m;
  }

  fail(): never {
    throw new NacreError(
      'EINVAL',
      'mon.caps',
      `mon capability parse failed, stopped at '${this.text.slice(this.at)}' of '${this.text}'`,
    );
  }
}

const WORD = /^(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_./*-]+))/;

function word(scan: Scanner): string {
  const m = scan.take(WORD);
  if (m === undefined) return scan.fail();
  return m[1] ?? m[2] ?? m[3];
}

function rwxa(scan: Scanner): number {
  if (scan.take(/^(\*|all)(?=\s|[,;]|$)/)) return MON_CAP_ALL;
  const m = scan.take(/^[rwx]+(?=\s|[,;]|$)/);
  if (m === undefined) return scan.fail();
  let allow = 0;
  if (m[0].includes('r')) allow |= MON_CAP_R;
  if (m[0].includes('w')) allow |= MON_CAP_W;
  if (m[0].includes('x')) allow |= MON_CAP_X;
  return allow;
}

function parseArgs(scan: Scanner): ReadonlyMap<string, ArgConstraint> {
  const args = new Map<string, ArgConstraint>();
  for (;;) {
    scan.take(/^\s*/);
    const m = scan.take(/^([A-Za-z0-9_-]+)\s*(=|\s+prefix\s+|\s+regex\s+|prefix\s+|regex\s+)\s*/);
    if (m === undefined) return args;
    const kind = m[2].trim();
    args.set(m[1], { kind: kind === '=' ? '=' : kind === 'prefix' ? 'prefix' : 'regex', value: word(scan) });
  }
}

function parseGrant(scan: Scanner): MonCapGrant {
  if (scan.take(/^profile[=\s]\s*/)) return grant({ profile: word(scan) });
  if (!scan.take(/^allow\s+/)) scan.fail();
  if (scan.take(/^profile[=\s]\s*/)) return grant({ profile: word(scan) });
  if (scan.take(/^service[=\s]\s*/)) {
    const name = word(scan);
    scan.take(/^\s+/);
    return service(name, rwxa(scan));
  }
  if (scan.take(/^command[=\s]\s*/)) {
    const name = word(scan);
    const args = scan.take(/^\s+with\s+/) ? parseArgs(scan) : NO_ARGS;
    return grant({ command: name, args });
  }
  const allow = rwxa(scan);
  scan.take(/^\s+network\s+\S+/);
  return grant({ allow });
}

export { RWX as MON_CAP_RWX };
