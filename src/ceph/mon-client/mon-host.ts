import type { Context } from '../../base/context.ts';
import { NacreError } from '../../base/errors.ts';
import { LOG_ERROR, SUBSYS_MONC } from '../../base/log.ts';
import { scanEntityAddr } from '../types/addr-text.ts';
import {
  ADDR_ANY,
  ADDR_LEGACY,
  ADDR_MSGR2,
  type EntityAddr,
  type EntityAddrVec,
} from '../types/entity-addr.ts';

/** CEPH_MON_PORT_IANA (protocol v2) and CEPH_MON_PORT_LEGACY (v1), include/msgr.h. */
export const MON_PORT_MSGR2 = 3300;
export const MON_PORT_LEGACY = 6789;

/** One monitor to try, before a monitor map is there. */
export interface InitialMon {
  /** 'noname-a' for addresses by hand, the section's or host's name otherwise; '-legacy' for a guessed v1 twin. */
  readonly name: string;
  readonly addrs: EntityAddrVec;
  /** Of a DNS SRV record: lower goes first, then by weight. */
  readonly priority: number;
  readonly weight: number;
}

/** An element of the list before names are resolved. */
interface Target {
  readonly type: number;
  readonly host: string;
  readonly port: number;
  readonly nonce: number;
}

function bad(text: string, why: string): never {
  throw new NacreError('EINVAL', 'mon_host', `mon_host '${text}': ${why}`);
}

const TYPES: Readonly<Record<string, number>> = { v1: ADDR_LEGACY, v2: ADDR_MSGR2, any: ADDR_ANY };

/** '[v1:|v2:|any:]HOST[:PORT][/NONCE]', HOST an address or a name. */
function parseTarget(text: string): Target {
  const address = scanEntityAddr(text, ADDR_ANY);
  if (address !== undefined && address.length === text.length && address.addr.ip !== '') {
    const { type, ip, port, nonce } = address.addr;
    return { type, host: ip, port, nonce };
  }
  const match =
    /^(?:(v1|v2|any):)?([A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?)(?::(\d{1,5}))?(?:\/(\d+))?$/.exec(
      text,
    );
  // A name of digits and dots alone is an address that is wrong.
  if (match === null || /^[\d.]+$/.test(match[2])) bad(text, 'neither an address nor a host name');
  const port = Number(match[3] ?? 0);
  const nonce = Number(match[4] ?? 0);
  if (port > 65535 || nonce > 0xffff_ffff) bad(text, 'port or nonce out of range');
  return { type: match[1] === undefined ? ADDR_ANY : TYPES[match[1]], host: match[2], port, nonce };
}

/** Splits at commas, semicolons and white space; a bracketed vector is one element. */
function splitMonHost(text: string): Target[][] {
  const found: Target[][] = [];
  let rest = text.trimStart();
  while (rest !== '') {
    if (/^\[(v1|v2|any):/.test(rest)) {
      const end = vectorEnd(rest);
      if (end < 0) bad(text, "'[' without ']'");
      const parts = rest.slice(1, end).split(',');
      found.push(parts.map(part => parseTarget(part.trim())));
      rest = rest.slice(end + 1);
    } else {
      const element = /^[^,;\s]*/.exec(rest)![0];
      if (element !== '') found.push([parseTarget(element)]);
      rest = rest.slice(element.length);
    }
    const next = rest.replace(/^[,;\s]+/, '');
    if (next === rest && rest !== '') bad(text, `'${rest[0]}' after ']'`);
    rest = next;
  }
  return found;
}

/** Where the vector that starts the text ends: its addresses may be in brackets themselves. */
function vectorEnd(text: string): number {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '[') depth++;
    else if (text[i] === ']' && --depth === 0) return i;
  }
  return -1;
}

function addrOf(target: Target, ip: string, type: number, port: number): EntityAddr {
  return { type, nonce: target.nonce, family: ip.includes(':') ? 10 : 2, ip, port };
}

const defaultPort = (type: number) => (type === ADDR_LEGACY ? MON_PORT_LEGACY : MON_PORT_MSGR2);

/**
 * The addresses that one host without a vector stands for (mon/MonMap.cc _add_ambiguous_addr). Where neither
 * prefix nor port tells the protocol, both are tried, each as a monitor of its own, so that one that answers is
 * found whatever the other does.
 */
function disambiguate(target: Target, ip: string): EntityAddr[] {
  const { type, port } = target;
  if (type !== ADDR_ANY) return [addrOf(target, ip, type, port === 0 ? defaultPort(type) : port)];
  if (port === MON_PORT_LEGACY) return [addrOf(target, ip, ADDR_LEGACY, port)];
  if (port === MON_PORT_MSGR2) return [addrOf(target, ip, ADDR_MSGR2, port)];
  return [ADDR_MSGR2, ADDR_LEGACY].map(each =>
    addrOf(target, ip, each, port === 0 ? defaultPort(each) : port),
  );
}

class MonList {
  readonly mons: InitialMon[] = [];
  private readonly seen = new Set<string>();

  add(name: string, addrs: EntityAddrVec, priority = 0, weight = 0): void {
    const key = addrs.map(addr => `${addr.type}:${addr.ip}:${addr.port}`).join();
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.mons.push({ name, addrs, priority, weight });
  }

  addAmbiguous(name: string, target: Target, ip: string, priority = 0, weight = 0): void {
    disambiguate(target, ip).forEach((addr, i) => {
      this.add(i === 0 ? name : `${name}-legacy`, [addr], priority, weight);
    });
  }
}

const isAddress = (host: string) => /^[\d.]+$/.test(host) || host.includes(':');

async function resolve(ctx: Context, host: string): Promise<string[]> {
  return isAddress(host) ? [host] : ctx.env.net.lookup(host);
}

const nameOf = (n: number) => (n < 26 ? String.fromCharCode(97 + n) : String(n));

/**
 * Reads mon_host: addresses, host names and vectors, separated by commas, semicolons or blanks.
 *
 *     10.0.0.1, 10.0.0.2:6789  mon-c.example.org
 *     [v2:10.0.0.1:3300/0,v1:10.0.0.1:6789/0];[::1]:3300
 *
 * A host name stands for each of its addresses. Throws EINVAL for what is neither; host names that do not resolve are
 * left out while others remain, else the resolver's error is thrown.
 */
export async function parseMonHost(ctx: Context, text: string): Promise<InitialMon[]> {
  const list = new MonList();
  let failure: unknown;
  for (const targets of splitMonHost(text)) {
    const name = `noname-${nameOf(list.mons.length)}`;
    try {
      if (targets.length === 1) {
        for (const ip of await resolve(ctx, targets[0].host)) list.addAmbiguous(name, targets[0], ip);
        continue;
      }
      const addrs: EntityAddr[] = [];
      for (const target of targets) {
        const [ip] = await resolve(ctx, target.host);
        addrs.push(disambiguate(target, ip)[0]);
      }
      list.add(name, addrs);
    } catch (error) {
      const hosts = targets.map(({ host }) => host).join(', ');
      ctx.log.write(
        SUBSYS_MONC,
        LOG_ERROR,
        `monclient: cannot resolve ${hosts} of mon_host: ${String(error)}`,
      );
      failure = error;
    }
  }
  if (list.mons.length === 0 && failure !== undefined)
    throw new NacreError('ENOENT', 'mon_host', `no host of mon_host '${text}' has an address`, {
      cause: failure,
    });
  return list.mons;
}

/** Monitors that the configuration file has sections for: [mon.a] with 'mon addr'. */
async function fromSections(ctx: Context): Promise<InitialMon[]> {
  const list = new MonList();
  for (const section of ctx.config.file?.keys() ?? []) {
    if (!section.startsWith('mon.')) continue;
    const addr = ctx.config.lookup('mon addr', [section, 'mon', 'global']);
    if (addr === undefined || addr === '') continue;
    const name = section.slice(4);
    for (const targets of splitMonHost(addr)) {
      if (targets.length > 1)
        list.add(
          name,
          targets.map(target => disambiguate(target, target.host)[0]),
        );
      else for (const ip of await resolve(ctx, targets[0].host)) list.addAmbiguous(name, targets[0], ip);
    }
  }
  return list.mons;
}

/** Domains that a name without one is looked up in. */
function searchDomains(ctx: Context): string[] {
  const text = ctx.env.fs.readFileSync('/etc/resolv.conf')?.toString('latin1') ?? '';
  const line = /^\s*(?:search|domain)\s+(.+)$/m.exec(text);
  return line === null ? [] : line[1].trim().split(/\s+/);
}

/**
 * Monitors that DNS knows: SRV records of _SERVICE._tcp. `srvName` is the service, with a domain after an underscore
 * ('ceph-mon_example.org'); without one the resolver's search domains are tried.
 */
export async function monsFromDns(ctx: Context, srvName: string): Promise<InitialMon[]> {
  const underscore = srvName.indexOf('_');
  const service = underscore < 0 ? srvName : srvName.slice(0, underscore);
  const domains = underscore < 0 ? [...searchDomains(ctx), ''] : [srvName.slice(underscore + 1)];
  const list = new MonList();
  for (const domain of domains) {
    const name = `_${service}._tcp${domain === '' ? '' : `.${domain}`}`;
    const records = await ctx.env.net.lookupSrv(name).catch(() => []);
    for (const { name: host, port, priority, weight } of records) {
      const ips = await ctx.env.net.lookup(host).catch(() => []);
      const target: Target = { type: ADDR_ANY, host, port, nonce: 0 };
      for (const ip of ips) list.addAmbiguous(host.split('.')[0], target, ip, priority, weight);
    }
    if (list.mons.length > 0) break;
  }
  return list.mons;
}

/**
 * The monitors to start with: mon_host, else the monitor sections of the configuration file, else DNS
 * (mon/MonMap.cc build_initial). Throws ENOENT when none of them names any, EINVAL when mon_host does not parse.
 */
export async function initialMons(ctx: Context): Promise<InitialMon[]> {
  const { config } = ctx;
  const monHost = config.get('mon_host').trim();
  if (monHost !== '') return parseMonHost(ctx, monHost);
  const inFile = await fromSections(ctx);
  if (inFile.length > 0) return inFile;
  const service = config.get('mon_dns_srv_name');
  const inDns = await monsFromDns(ctx, service);
  if (inDns.length > 0) return inDns;
  throw new NacreError(
    'ENOENT',
    'mon_host',
    `no monitors: mon_host is empty, ${config.filePath ?? 'no configuration file'} has no mon sections and DNS has no ${service} records`,
  );
}

/** The same as address vectors alone. */
export async function initialMonAddrs(ctx: Context): Promise<EntityAddrVec[]> {
  return (await initialMons(ctx)).map(({ addrs }) => addrs);
}
