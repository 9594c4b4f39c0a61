import { NacreError } from '../../base/errors.ts';
import { CommandError, type CommandOptions, type CommandOutput, type Rados } from '../../ceph/rados/index.ts';
import { ARG_TYPES } from './arg-types.ts';
import { ENXIO_TEXT } from './texts.ts';

/** Who a command is for. */
export interface Target {
  readonly service: 'mon' | 'mgr' | 'osd' | 'pg' | 'mds' | 'client';
  /** '' for any; '*' for all. */
  readonly id: string;
}

export function targetText({ service, id }: Target): string {
  return `${service}.${id}`;
}

const PGID = /^\d+\.[0-9a-f]+$/i;

/**
 * Whom the first words of a command name, and the words that are left for the daemon.
 * @throws ArgumentError when they name nobody.
 */
export function findTarget(words: readonly string[]): {
  target: Target;
  rest: readonly string[];
  tell: boolean;
} {
  const [verb, who] = words;
  if (verb === 'pg' && who !== undefined && PGID.test(who))
    return { target: { service: 'pg', id: who }, rest: words, tell: false };
  const tell = verb === 'tell';
  if (!tell || who === undefined)
    return { target: { service: 'mon', id: '' }, rest: tell ? [] : words, tell };
  const rest = words.slice(2);
  if (PGID.test(who)) return { target: { service: 'pg', id: who }, rest, tell };
  ARG_TYPES['CephName']({}).valid(who, false);
  const [service, ...id] = who.split('.');
  return { target: { service: service as Target['service'], id: id.join('.') }, rest, tell };
}

interface MgrStat {
  readonly available: boolean;
}

/** Whether a manager is there to answer; without one a command to it would wait until there is. */
export async function requireManager(cluster: Rados, options: CommandOptions, what: string): Promise<void> {
  const stat = await cluster.monCommand({ prefix: 'mgr stat', format: 'json' }, { signal: options.signal });
  if (stat.json<MgrStat>().available) return;
  throw new CommandError(
    'mgr_command',
    -6,
    `${ENXIO_TEXT}: '${what}' is a command of the manager`,
    Buffer.alloc(0),
  );
}

/** Sends a command as JSON to a target. Rejects with a CommandError when it is refused. */
export async function sendCommand(
  cluster: Rados,
  { service, id }: Target,
  command: string,
  options: CommandOptions,
): Promise<CommandOutput> {
  switch (service) {
    case 'mon':
      return cluster.monCommand(command, id === '' ? options : { ...options, target: id });
    case 'osd':
      return cluster.osdCommand(Number(id), command, options);
    case 'pg':
      return cluster.pgCommand(id, command, options);
    case 'mgr':
      await requireManager(cluster, options, 'tell mgr');
      return cluster.mgrCommand(command, options);
    default:
      throw new NacreError('ENOTSUP', 'tell', `no commands to ${service} daemons`);
  }
}

/** The daemons that 'tell TYPE.*' names. */
export async function expandTarget(cluster: Rados, target: Target): Promise<Target[]> {
  if (target.id !== '*') return [target];
  const { service } = target;
  if (service === 'osd') {
    const ids = (await cluster.monCommand({ prefix: 'osd ls', format: 'json' })).json<number[]>();
    return ids.map(id => ({ service, id: String(id) }));
  }
  if (service === 'mon') {
    const dump = (await cluster.monCommand({ prefix: 'mon dump', format: 'json' })).json<{
      mons: { name: string }[];
    }>();
    return dump.mons.map(({ name }) => ({ service, id: name }));
  }
  return [{ service, id: '' }];
}
