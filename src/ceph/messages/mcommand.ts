import type { Encoder } from '../../base/encoder.ts';
import { decodeList, decStr, encodeList, encStr } from '../types/collections.ts';
import { decodeUuid, encodeUuid, type Uuid } from '../types/uuid.ts';
import { Message, registerMessage } from './message.ts';
import { MSG_COMMAND, MSG_COMMAND_REPLY, MSG_MGR_COMMAND, MSG_MGR_COMMAND_REPLY } from './message-types.ts';
import { commandText } from './mmon-command.ts';

/** Common to MCommand and MMgrCommand: uuid fsid, vector<str> command. The data is the input. */
abstract class Command extends Message {
  version = 1;
  compatVersion = 1;
  fsid: Uuid;
  /** One string of JSON. */
  cmd: readonly string[];

  constructor(fsid: Uuid, cmd: readonly string[]) {
    super();
    this.fsid = fsid;
    this.cmd = cmd;
  }

  override encodePayload(e: Encoder): void {
    encodeUuid(e, this.fsid);
    encodeList(e, this.cmd, encStr);
  }
}

/** Common to MCommandReply and MMgrCommandReply: s32 result, str status. The data is the output. */
abstract class CommandReply extends Message {
  version = 1;
  compatVersion = 1;
  /** 0 or a negative errno. */
  result: number;
  /** What the user is told. */
  status: string;

  constructor(result: number, status: string) {
    super();
    this.result = result;
    this.status = status;
  }

  override encodePayload(e: Encoder): void {
    e.i32(this.result);
    e.str(this.status);
  }
}

/** MCommand (messages/MCommand.h): a command to an OSD, or about a PG. */
export class MCommand extends Command {
  readonly type = MSG_COMMAND;

  override describe(): string {
    return `command(tid ${this.tid}: ${commandText(this.cmd)})`;
  }
}

/** MCommandReply (messages/MCommandReply.h). */
export class MCommandReply extends CommandReply {
  readonly type = MSG_COMMAND_REPLY;

  override describe(): string {
    return `command_reply(tid ${this.tid}: ${this.result} ${this.status})`;
  }
}

/** MMgrCommand (messages/MMgrCommand.h): a command to the manager, since octopus. */
export class MMgrCommand extends Command {
  readonly type = MSG_MGR_COMMAND;

  override describe(): string {
    return `mgr_command(tid ${this.tid}: ${commandText(this.cmd)})`;
  }
}

/** MMgrCommandReply (messages/MMgrCommandReply.h). */
export class MMgrCommandReply extends CommandReply {
  readonly type = MSG_MGR_COMMAND_REPLY;

  override describe(): string {
    return `mgr_command_reply(tid ${this.tid}: ${this.result} ${this.status})`;
  }
}

for (const [type, make] of [
  [MSG_COMMAND, MCommand],
  [MSG_MGR_COMMAND, MMgrCommand],
] as const)
  registerMessage(type, (d, _header, data) => {
    const fsid = decodeUuid(d);
    const m = new make(fsid, decodeList(d, 4, decStr));
    if (data !== undefined) m.data = [data];
    return m;
  });
for (const [type, make] of [
  [MSG_COMMAND_REPLY, MCommandReply],
  [MSG_MGR_COMMAND_REPLY, MMgrCommandReply],
] as const)
  registerMessage(type, (d, _header, data) => {
    const result = d.i32();
    const m = new make(result, d.str());
    if (data !== undefined) m.data = [data];
    return m;
  });
