import type { Encoder } from '../../base/encoder.ts';
import { decodeList, decStr, encodeList, encStr } from '../types/collections.ts';
import { decodeUuid, encodeUuid, UUID_ZERO, type Uuid } from '../types/uuid.ts';
import { registerMessage } from './message.ts';
import { MSG_MON_COMMAND, MSG_MON_COMMAND_ACK } from './message-types.ts';
import { PaxosServiceMessage } from './paxos-service-message.ts';

/**
 * A command's words for a log: commands that set configuration keep their value to themselves, for it may
 * be a secret.
 */
export function commandText(cmd: readonly string[]): string {
  const joined = cmd.join(' ');
  if (!joined.includes('config set') && !joined.includes('config-key set')) return joined;
  try {
    const parsed: unknown = JSON.parse(joined);
    const { prefix, name, key } = parsed as { prefix?: unknown; name?: unknown; key?: unknown };
    if (prefix === 'config set') return `[{prefix=${prefix}, name=${String(name)}}]`;
    if (prefix === 'config-key set') return `[{prefix=${prefix}, key=${String(key)}}]`;
    return joined;
  } catch {
    return '[...]';
  }
}

/** MMonCommand (messages/MMonCommand.h): paxos head, uuid fsid, vector<str>. The data is the input. */
export class MMonCommand extends PaxosServiceMessage {
  readonly type = MSG_MON_COMMAND;
  version = 1;
  compatVersion = 1;
  fsid: Uuid;
  /** One string of JSON, as all clients since 2013 send. */
  cmd: readonly string[];

  constructor(fsid: Uuid, cmd: readonly string[]) {
    super();
    this.fsid = fsid;
    this.cmd = cmd;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    encodeUuid(e, this.fsid);
    encodeList(e, this.cmd, encStr);
  }

  override describe(): string {
    return `mon_command(${commandText(this.cmd)} v ${this.paxosVersion})`;
  }
}

/**
 * MMonCommandAck (messages/MMonCommandAck.h): paxos head, s32 result, str status, vector<str> command. The
 * data is the output.
 */
export class MMonCommandAck extends PaxosServiceMessage {
  readonly type = MSG_MON_COMMAND_ACK;
  version = 1;
  compatVersion = 1;
  cmd: readonly string[];
  /** 0 or a negative errno. */
  result: number;
  /** What the user is told. */
  status: string;

  constructor(cmd: readonly string[], result: number, status: string, paxosVersion = 0) {
    super();
    this.cmd = cmd;
    this.result = result;
    this.status = status;
    this.paxosVersion = paxosVersion;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    e.i32(this.result);
    e.str(this.status);
    encodeList(e, this.cmd, encStr);
  }

  override describe(): string {
    return `mon_command_ack([${commandText(this.cmd)}]=${this.result} ${this.status} v${this.paxosVersion})`;
  }
}

registerMessage(MSG_MON_COMMAND, (d, _header, data) => {
  const m = new MMonCommand(UUID_ZERO, []);
  m.decodePaxos(d);
  m.fsid = decodeUuid(d);
  m.cmd = decodeList(d, 4, decStr);
  if (data !== undefined) m.data = [data];
  return m;
});
registerMessage(MSG_MON_COMMAND_ACK, (d, _header, data) => {
  const m = new MMonCommandAck([], 0, '');
  m.decodePaxos(d);
  m.result = d.i32();
  m.status = d.str();
  m.cmd = decodeList(d, 4, decStr);
  if (data !== undefined) m.data = [data];
  return m;
});
