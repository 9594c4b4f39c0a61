import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import { formatJson } from '../../base/format.ts';
import { SUBSYS_MON } from '../../base/log.ts';
import { tracing, unwind, wind } from '../../base/trace.ts';
import { authEntityNameText, decodeAuthEntityName } from '../auth/entity-name.ts';
import { decodeCaps } from '../auth/keyring.ts';
import type { MonAuthServer } from '../auth/mon-auth-server.ts';
import type { AuthServiceHandler, AuthServiceReply } from '../auth/service-handler.ts';
import { AUTH_UNKNOWN } from '../auth/types.ts';
import { MAuth, MAuthReply } from '../messages/mauth.ts';
import { MCommand, MCommandReply } from '../messages/mcommand.ts';
import { MConfig, MGetConfig } from '../messages/mconfig.ts';
import { type Message, PRIO_HIGH } from '../messages/message.ts';
import { MGetPoolStats, MGetPoolStatsReply } from '../messages/mget-pool-stats.ts';
import { MLog, MLogAck } from '../messages/mlog.ts';
import { MMgrMap } from '../messages/mmgr-map.ts';
import { commandText, MMonCommand, MMonCommandAck } from '../messages/mmon-command.ts';
import { MMonGetVersion, MMonGetVersionReply } from '../messages/mmon-get-version.ts';
import { MMonGetMap, MMonMap } from '../messages/mmon-map.ts';
import { MMonSubscribe, MMonSubscribeAck, SUBSCRIBE_ONETIME } from '../messages/mmon-subscribe.ts';
import { MPGStats } from '../messages/mpg-stats.ts';
import { MPing } from '../messages/mping.ts';
import { MPoolOp } from '../messages/mpool-op.ts';
import { MStatfs, MStatfsReply } from '../messages/mstatfs.ts';
import { PaxosServiceMessage } from '../messages/paxos-service-message.ts';
import { FEATURE_MON_STATEFUL_SUB } from '../types/features.ts';
import { CLOG_DEBUG, CLOG_INFO } from '../types/log-entry.ts';
import { mgrMap } from '../types/mgr-map.ts';
import { poolStat } from '../types/stats.ts';
import { COMMAND_TELL, CommandArgs, type CommandReply, failed } from './command.ts';
import type { MonCore } from './core.ts';
import { MON_CAP_R, MON_CAP_W, MON_CAP_X, MonCaps } from './mon-caps.ts';
import type { OsdMessages } from './osd-messages.ts';
import { handlePoolOp } from './pool-ops.ts';
import type { MonSession } from './session.ts';
import { usedBytes } from './status.ts';

const EMPTY = Buffer.alloc(0);
const EOPNOTSUPP = -95;
const EINVAL = -22;

interface Authenticated {
  readonly entityName: string;
  readonly globalId: bigint;
  readonly allowAll: boolean;
  readonly caps: string;
  readonly handler?: unknown;
}

/** Where each message goes, and the answers that need no service of their own (Monitor::dispatch_op). */
export class MonDispatch {
  private readonly core: MonCore;
  private readonly auth: MonAuthServer;
  private readonly osdMessages: OsdMessages;

  constructor(core: MonCore, auth: MonAuthServer, osdMessages: OsdMessages) {
    this.core = core;
    this.auth = auth;
    this.osdMessages = osdMessages;
  }

  private send(session: MonSession, reply: Message, to?: Message): void {
    if (session.closed) return;
    if (to !== undefined) reply.tid = to.tid;
    reply.priority = PRIO_HIGH;
    session.con.send(reply);
  }

  authenticated(session: MonSession, who: Authenticated): void {
    session.entityName = who.entityName;
    session.globalId = who.globalId;
    session.handler = who.handler as AuthServiceHandler | undefined;
    session.caps = MonCaps.NONE;
    if (who.allowAll) session.caps = MonCaps.ALL;
    else
      try {
        session.caps = MonCaps.parse(who.caps);
      } catch (error) {
        this.core.ctx.log.error(SUBSYS_MON, `${who.entityName}: ${(error as Error).message}`);
      }
    session.authenticated = true;
  }

  dispatch(session: MonSession, m: Message): boolean {
    if (m instanceof MAuth) {
      this.handleAuth(session, m);
      return true;
    }
    // Before they say who they are, clients may ask where the monitors are, and whether this one lives.
    if (m instanceof MMonGetMap) {
      this.sendMonMap(session);
      return true;
    }
    if (m instanceof MPing) {
      this.handlePing(session);
      return true;
    }
    if (m instanceof MGetConfig) {
      this.sendOptions(session, m.entityName);
      return true;
    }
    if (!session.authenticated) {
      this.core.ctx.log.write(SUBSYS_MON, 1, `dropped ${m.describe()}: its sender is not authenticated`);
      return true;
    }
    return this.dispatchTrusted(session, m);
  }

  private dispatchTrusted(session: MonSession, m: Message): boolean {
    if (m instanceof MMonSubscribe) this.handleSubscribe(session, m);
    else if (m instanceof MMonCommand) void this.handleCommand(session, m);
    else if (m instanceof MCommand) void this.handleTell(session, m);
    else if (m instanceof MMonGetVersion) this.handleGetVersion(session, m);
    else if (m instanceof MStatfs) this.handleStatfs(session, m);
    else if (m instanceof MGetPoolStats) this.handlePoolStats(session, m);
    else if (m instanceof MPoolOp) handlePoolOp(this.core, session, m);
    else if (m instanceof MLog) this.handleLog(session, m);
    else if (m instanceof MPGStats) this.handlePgStats(session, m);
    else if (m instanceof PaxosServiceMessage) return this.osdMessages.handle(session, m);
    else return false;
    return true;
  }

  // Authentication in MAuth messages: all of protocol v1's, and renewals of both.

  private handleAuth(session: MonSession, m: MAuth): void {
    const reply = (
      method: number,
      { result, reply: payload, error }: AuthServiceReply,
      globalId: bigint,
    ): void => {
      const { log } = this.core.ctx;
      if (error !== undefined && log.on(SUBSYS_MON, 1)) log.write(SUBSYS_MON, 1, `refused: ${error.message}`);
      this.send(session, new MAuthReply(method, Math.min(0, result), globalId, payload), m);
    };
    if (m.protocol !== AUTH_UNKNOWN) {
      const { handler } = session;
      if (handler === undefined) {
        reply(m.protocol, { result: EINVAL, reply: EMPTY }, 0n);
        return;
      }
      const answer = handler.handleRequest(Buffer.from(m.payload));
      if (answer.result === 1 && !session.authenticated) this.accept(session, answer, handler);
      reply(m.protocol, answer, session.globalId);
      return;
    }
    // u8 version, u32 count and the methods (u32) that the client can do, EntityName, u64 global id (0: none yet).
    const d = new Decoder(Buffer.from(m.payload), 'auth request');
    d.u8();
    // Commands carry the cluster's fsid, so the client must know the map before it is let in.
    if (m.monmapEpoch < this.core.monmap.epoch) this.sendMonMap(session);
    const methods: number[] = [];
    for (let n = d.count(4); n > 0; n--) methods.push(d.u32());
    const name = decodeAuthEntityName(d);
    const claimed = d.u64b();
    const method = this.auth.pickMethod(name, methods);
    if (method === AUTH_UNKNOWN) {
      reply(AUTH_UNKNOWN, { result: EOPNOTSUPP, reply: EMPTY }, 0n);
      return;
    }
    const handler = this.auth.createHandler(method, name);
    session.entityName = authEntityNameText(name);
    session.handler = handler;
    session.authenticated = false;
    session.globalId = claimed === 0n ? this.core.auth.assignGlobalId() : claimed;
    const answer = handler.startSession(name, session.globalId, claimed === 0n);
    if (answer.result === 1) this.accept(session, answer, handler);
    reply(method, answer, session.globalId);
  }

  private accept(session: MonSession, answer: AuthServiceReply, handler: AuthServiceHandler): void {
    const caps = answer.caps?.caps;
    this.authenticated(session, {
      entityName: session.entityName,
      globalId: session.globalId,
      allowAll: answer.caps?.allowAll ?? false,
      caps: caps === undefined ? '' : decodeCaps(caps),
      handler,
    });
  }

  // Maps.

  private sendMonMap(session: MonSession): void {
    this.send(session, new MMonMap(this.core.monmapBytes));
  }

  private handlePing(session: MonSession): void {
    const { core } = this;
    const text = formatJson({
      health: { status: core.health().size === 0 ? 'HEALTH_OK' : 'HEALTH_WARN' },
      mon_status: { name: core.name, rank: core.monmap.ranks.indexOf(core.name), state: 'leader' },
    });
    this.send(session, new MPing(encodeToBuffer(e => e.str(text))));
  }

  private handleGetVersion(session: MonSession, m: MMonGetVersion): void {
    const { osds, monmap, options } = this.core;
    const versions: Record<string, readonly [number, number]> = {
      osdmap: [osds.lastCommitted, osds.firstCommitted],
      monmap: [monmap.epoch, 1],
      mgrmap: [1, 1],
      fsmap: [1, 1],
      config: [options.lastCommitted, options.firstCommitted],
    };
    const known = versions[m.what];
    if (known === undefined) return;
    this.send(session, new MMonGetVersionReply(m.handle, known[0], known[1]), m);
  }

  private handleSubscribe(session: MonSession, m: MMonSubscribe): void {
    for (const [what, { start, flags }] of m.what) {
      if (
        what.startsWith('log-') &&
        !session.isCapable('log', MON_CAP_R) &&
        !session.isCapable('mon', MON_CAP_R)
      )
        continue;
      if (what === 'osdmap' && !session.isCapable('osd', MON_CAP_R)) continue;
      if (what === 'osd_pg_creates' && !session.isCapable('osd', MON_CAP_W)) continue;
      const known = session.subs.get(what);
      session.subs.set(what, {
        next: start,
        onetime: (flags & SUBSCRIBE_ONETIME) !== 0,
        sent: known?.sent ?? 0,
      });
    }
    this.checkSubs(session);
    if (session.subs.has('config')) this.sendConfig(session);
    this.core.log.checkSub(session);
    if (!session.con.features.has(FEATURE_MON_STATEFUL_SUB))
      this.send(session, new MMonSubscribeAck(300, this.core.monmap.fsid));
  }

  /** Sends a session the maps that it waits for. */
  checkSubs(session: MonSession): void {
    const { core } = this;
    core.osds.checkSub(session);
    const creates = session.subs.has('osd_pg_creates') ? /^osd\.(\d+)$/.exec(session.entityName) : null;
    if (creates !== null) core.creating.checkSub(session, Number(creates[1]));
    this.checkMapSub(session, 'monmap', core.monmap.epoch, () => new MMonMap(core.monmapBytes));
    this.checkMapSub(session, 'mgrmap', 1, () => {
      const empty = { ...mgrMap.zero(), epoch: 1 };
      return new MMgrMap(encodeToBuffer(e => mgrMap.encode(e, empty)));
    });
  }

  private checkMapSub(session: MonSession, what: string, version: number, make: () => Message): void {
    const sub = session.subs.get(what);
    if (sub === undefined || sub.next > version) return;
    this.send(session, make());
    if (sub.onetime) session.subs.delete(what);
    else sub.next = version + 1;
  }

  /** Sends a session its options when they are not what it has. */
  sendConfig(session: MonSession): void {
    const sub = session.subs.get('config');
    if (sub === undefined || !session.authenticated) return;
    const config = this.optionsOf(session.entityName);
    const text = [...config].map(([name, value]) => `${name}=${value}`).join('\n');
    if (session.lastConfig === text) return;
    session.lastConfig = text;
    this.send(session, new MConfig(config));
    if (sub.onetime) session.subs.delete('config');
  }

  private optionsOf(entity: string): Map<string, string> {
    const found = this.core.options.forEntity(entity);
    return new Map(
      [...found]
        .map(([name, { value }]): [string, string] => [name, value])
        .sort((a, b) => (a[0] < b[0] ? -1 : 1)),
    );
  }

  private sendOptions(session: MonSession, entity: string): void {
    this.send(session, new MConfig(this.optionsOf(entity)));
  }

  // Statistics.

  private handlePgStats(session: MonSession, m: MPGStats): void {
    const named = /^osd\.(\d+)$/.exec(session.entityName);
    const osd = named === null ? session.con.peerName.num : Number(named[1]);
    if (m.fsid !== this.core.monmap.fsid || !session.isCapable('osd', MON_CAP_R)) return;
    this.core.stats.report(osd, m);
  }

  private handleStatfs(session: MonSession, m: MStatfs): void {
    if (m.fsid !== this.core.monmap.fsid || !session.isCapable('pg', MON_CAP_R)) return;
    const { stats, osds } = this.core;
    const summary = stats.summary(osds.map);
    const reply = new MStatfsReply(m.fsid);
    const kb = (bytes: number) => Math.floor(bytes / 1024);
    reply.statVersion = stats.version;
    const pool = m.pool === undefined ? undefined : summary.byPool.get(m.pool);
    reply.kb = kb(summary.space.total);
    reply.kbUsed = kb(usedBytes(summary));
    reply.kbAvail = kb(summary.space.available);
    reply.numObjects = summary.total.stats.numObjects;
    if (pool !== undefined) {
      reply.numObjects = pool.stats.numObjects;
      reply.kbUsed = kb(pool.stats.numBytes);
    }
    this.send(session, reply, m);
  }

  private handlePoolStats(session: MonSession, m: MGetPoolStats): void {
    if (m.fsid !== this.core.monmap.fsid || !session.isCapable('pg', MON_CAP_R)) return;
    const { stats, osds } = this.core;
    const { byPool } = stats.summary(osds.map);
    const found = new Map();
    for (const name of m.pools) {
      const id = osds.map.poolIdByName(name);
      const sum = id === undefined ? undefined : byPool.get(id);
      if (sum === undefined) continue;
      found.set(name, {
        ...poolStat.zero(),
        stats: { sum: sum.stats },
        logSize: sum.logSize,
        ondiskLogSize: sum.ondiskLogSize,
        up: sum.up,
        acting: sum.acting,
      });
    }
    const reply = new MGetPoolStatsReply(m.fsid, found);
    reply.paxosVersion = stats.version;
    this.send(session, reply, m);
  }

  private handleLog(session: MonSession, m: MLog): void {
    if (!session.isCapable('log', MON_CAP_W) && !session.isCapable('mon', MON_CAP_W)) return;
    for (const entry of m.entries) this.core.log.add(entry);
    const last = m.entries.at(-1);
    if (last === undefined) return;
    const ack = new MLogAck(m.fsid, last.seq);
    ack.channel = last.channel;
    this.send(session, ack, m);
  }

  // Commands.

  private async handleCommand(session: MonSession, m: MMonCommand): Promise<void> {
    const span = tracing()
      ? wind('Monitor.handle_command', undefined, { command: commandText(m.cmd) })
      : undefined;
    const answer = (reply: CommandReply): void => {
      const ack = new MMonCommandAck(
        m.cmd,
        reply.code ?? 0,
        reply.status ?? '',
        this.core.paxos.lastCommitted,
      );
      if (reply.output !== undefined) ack.data = [Buffer.from(reply.output)];
      unwind(span, reply.code === undefined || reply.code === 0 ? undefined : reply.status);
      this.send(session, ack, m);
    };
    if (m.fsid !== this.core.monmap.fsid) {
      answer({ code: -1, status: 'wrong fsid' });
      return;
    }
    await this.run(session, m.cmd, m.data, false, answer);
  }

  /** `ceph tell mon.X ...`. */
  private async handleTell(session: MonSession, m: MCommand): Promise<void> {
    if (m.fsid !== this.core.monmap.fsid) {
      this.send(session, new MCommandReply(-1, 'wrong fsid'), m);
      return;
    }
    await this.run(session, m.cmd, m.data, true, reply => {
      const answer = new MCommandReply(reply.code ?? 0, reply.status ?? '');
      if (reply.output !== undefined) answer.data = [Buffer.from(reply.output)];
      this.send(session, answer, m);
    });
  }

  private async run(
    session: MonSession,
    cmd: readonly string[],
    data: readonly Uint8Array[],
    tell: boolean,
    answer: (reply: CommandReply) => void,
  ): Promise<void> {
    let reply: CommandReply;
    try {
      reply = await this.execute(session, cmd.join(''), Buffer.concat(data), tell);
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      reply = { code: error.errno, status: refusalText(error) };
    }
    const { after } = reply;
    if (after !== undefined) after.propose(() => answer(reply));
    else answer(reply);
  }

  private execute(
    session: MonSession,
    text: string,
    input: Buffer,
    tell: boolean,
  ): CommandReply | Promise<CommandReply> {
    const { core } = this;
    let values: Record<string, unknown>;
    try {
      values = JSON.parse(text) as Record<string, unknown>;
    } catch {
      return failed('EINVAL', `unparseable JSON ${text}`);
    }
    const { prefix } = values;
    if (typeof values !== 'object' || typeof prefix !== 'string')
      return failed('EINVAL', 'command prefix not found');
    if (prefix === 'get_command_descriptions') return { output: core.commands.describe() };
    const command = core.commands.get(prefix);
    if (command === undefined)
      return tell ? this.admin(session, text) : failed('EINVAL', 'command not known');
    if (command.flags === COMMAND_TELL && !tell) return failed('EINVAL', 'unrecognized command');
    const args = new CommandArgs(prefix, values);
    let need = 0;
    if (command.perm.includes('r')) need |= MON_CAP_R;
    if (command.perm.includes('w')) need |= MON_CAP_W;
    if (command.perm.includes('x')) need |= MON_CAP_X;
    const allowed = session.caps.isCapable(session.entityName, command.module, prefix, args.asText(), need);
    const who = `from='${session.entityName}' entity='${session.entityName}' cmd=${commandText([text])}: `;
    if (!allowed) {
      core.log.audit(CLOG_INFO, `${who}access denied`);
      return failed('EACCES', 'access denied');
    }
    core.log.audit(command.perm.includes('w') ? CLOG_INFO : CLOG_DEBUG, `${who}dispatch`);
    const format = args.str('format', 'plain');
    if (format.startsWith('xml')) return failed('ENOTSUP', `format ${format} is not supported, json is`);
    return command.run({
      prefix,
      args,
      session,
      input,
      format: format === 'json' || format === 'json-pretty' ? format : 'plain',
    });
  }

  /** Commands of the admin socket, which `tell` reaches too. */
  private async admin(session: MonSession, text: string): Promise<CommandReply> {
    if (!session.caps.isAllowAll) return failed('EACCES', 'access denied');
    const output = await this.core.ctx.admin.execute(text);
    const error = /^ERROR: \((-?\d+)\)/.exec(output.subarray(0, 32).toString('utf8'));
    return error === null
      ? { output }
      : { code: -Math.abs(Number(error[1])), status: output.toString('utf8').trim() };
  }
}

/** What went wrong without the code in front and the operation behind, which clients add themselves. */
function refusalText(error: NacreError): string {
  return error.message.slice(error.code.length + 2, error.message.length - error.op.length - 2);
}
