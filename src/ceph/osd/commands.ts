import { NacreError } from '../../base/errors.ts';
import { type MCommand, MCommandReply } from '../messages/mcommand.ts';
import type { Connection } from '../messenger/types.ts';
import { pgText } from '../types/pg.ts';
import { pgStateText } from '../types/pg-state.ts';
import { cephVersionText } from './boot.ts';
import { EINVAL, EPERM } from './errors.ts';
import type { OSD } from './osd.ts';
import { sessionOf } from './session.ts';

type Arguments = Readonly<Record<string, unknown>>;
type Handler = (osd: OSD, args: Arguments) => unknown;

/** Commands of `ceph tell osd.N` and their output as JSON. */
const HANDLERS: Readonly<Record<string, Handler>> = {
  version: () => ({ version: cephVersionText(), release: 'pacific', release_type: 'stable' }),
  'perf dump': osd => osd.ctx.perf.dump(),
  'perf schema': osd => osd.ctx.perf.schema(),
  'config show': osd => osd.ctx.config.show(),
  'config get': (osd, args) => {
    const name = String(args['key'] ?? args['var'] ?? '');
    return { [name]: osd.ctx.config.getString(name) };
  },
  status: osd => ({
    cluster_fsid: osd.map.fsid,
    osd_fsid: osd.options.uuid,
    whoami: osd.whoami,
    state: osd.isActive ? 'active' : 'booting',
    oldest_map: osd.oldestMap,
    newest_map: osd.map.epoch,
    num_pgs: osd.pgs.all().length,
  }),
  dump_pgs: osd =>
    osd.pgs.all().map(pg => ({
      pgid: pgText(pg.pgid),
      state: pgStateText(pg.stateBits),
      acting: pg.mapping.acting,
      objects: pg.stats.objects,
      bytes: pg.stats.bytes,
      last_update: `${pg.lastUpdate.epoch}'${pg.lastUpdate.version}`,
    })),
  flush_pg_stats: osd => {
    osd.reportStats();
    return undefined;
  },
  get_command_descriptions: () => {
    const names = Object.keys(HANDLERS).filter(name => name !== 'get_command_descriptions');
    return Object.fromEntries(
      names.map((name, i) => [
        `cmd${String(i).padStart(3, '0')}`,
        {
          sig: [...name.split(' '), ...(name === 'config get' ? [{ name: 'key', type: 'CephString' }] : [])],
          help: `${name} of this OSD`,
          module: 'osd',
          perm: 'r',
          flags: 0,
        },
      ]),
    );
  },
};

function parse(cmd: readonly string[]): Arguments {
  const words: unknown = JSON.parse(cmd.join(''));
  if (typeof words !== 'object' || words === null || Array.isArray(words))
    throw new NacreError('EINVAL', 'osd.command', 'the command is no JSON object');
  return words as Arguments;
}

/** Runs a command that came as MCommand and answers it. */
export function handleCommand(osd: OSD, con: Connection, m: MCommand): void {
  const reply = (result: number, status: string, output?: string) => {
    const answer = new MCommandReply(result, status);
    answer.tid = m.tid;
    if (output !== undefined) answer.data = [Buffer.from(output)];
    con.send(answer);
  };
  if (!sessionOf(con).caps.allowAll) {
    reply(EPERM, "access denied: commands need 'allow *'");
    return;
  }
  let prefix = '';
  try {
    const args = parse(m.cmd);
    prefix = typeof args['prefix'] === 'string' ? args['prefix'] : '';
    const handler = Object.hasOwn(HANDLERS, prefix) ? HANDLERS[prefix] : undefined;
    if (handler === undefined) {
      reply(EINVAL, `unrecognized command '${prefix}'`);
      return;
    }
    const result = handler(osd, args);
    reply(0, '', result === undefined ? undefined : `${JSON.stringify(result, undefined, 4)}\n`);
  } catch (error) {
    reply(EINVAL, `${prefix === '' ? 'command' : prefix}: ${(error as Error).message}`);
  }
}
