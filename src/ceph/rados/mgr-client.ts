import { Decoder } from '../../base/decoder.ts';
import { NacreError } from '../../base/errors.ts';
import { MMgrCommand, type MMgrCommandReply } from '../messages/mcommand.ts';
import type { Message } from '../messages/message.ts';
import { MSG_MGR_COMMAND_REPLY, MSG_MGR_MAP } from '../messages/message-types.ts';
import type { MMgrMap } from '../messages/mmgr-map.ts';
import type { Connection, Dispatcher, Messenger } from '../messenger/types.ts';
import type { MonClient } from '../mon-client/index.ts';
import { Aborter } from '../objecter/aborter.ts';
import type { CommandResult } from '../objecter/command.ts';
import { sameAddrVec } from '../types/addr-text.ts';
import { ENTITY_TYPE_MGR, type EntityAddrVec } from '../types/entity.ts';
import { mgrMap } from '../types/mgr-map.ts';

interface Pending {
  readonly tid: number;
  readonly words: readonly string[];
  readonly input: Uint8Array | undefined;
  readonly resolve: (result: CommandResult) => void;
  readonly reject: (error: unknown) => void;
  aborter: Aborter | undefined;
}

const EMPTY = Buffer.alloc(0);

/**
 * Commands to the active manager (mgr/MgrClient.cc): asks for the manager map with the first one, connects to
 * whoever is active, and sends again what was not answered when that changes.
 */
export class MgrClient implements Dispatcher {
  private readonly messenger: Messenger;
  private readonly mon: MonClient;
  private readonly pending = new Map<number, Pending>();
  private con: Connection | undefined;
  private addrs: EntityAddrVec = [];
  private known = false;
  private wanted = false;
  private closed = false;
  private lastTid = 0;

  constructor(messenger: Messenger, mon: MonClient) {
    this.messenger = messenger;
    this.mon = mon;
  }

  /** Waits for a manager when there is none. */
  command(words: readonly string[], input?: Uint8Array, signal?: AbortSignal): Promise<CommandResult> {
    signal?.throwIfAborted();
    if (this.closed)
      return Promise.reject(new NacreError('ESHUTDOWN', 'mgr_command', 'the client was closed'));
    if (!this.wanted) {
      this.wanted = true;
      this.messenger.addDispatcher(this);
      if (this.mon.subWant('mgrmap', 0)) this.mon.renewSubs();
    }
    return new Promise((resolve, reject) => {
      const tid = ++this.lastTid;
      const command: Pending = { tid, words, input, resolve, reject, aborter: undefined };
      if (signal !== undefined)
        command.aborter = new Aborter(signal, {
          abort: reason => {
            this.pending.delete(tid);
            reject(reason);
          },
        });
      this.pending.set(tid, command);
      this.send(command);
    });
  }

  private send({ tid, words, input }: Pending): void {
    if (this.con === undefined) return;
    const m = new MMgrCommand(this.mon.fsid, words);
    m.tid = tid;
    if (input !== undefined && input.length > 0) m.data = [input];
    this.con.send(m);
  }

  private connect(): void {
    this.con?.markDown();
    this.con = this.addrs.length === 0 ? undefined : this.messenger.connectTo(ENTITY_TYPE_MGR, this.addrs);
    for (const command of this.pending.values()) this.send(command);
  }

  dispatch(con: Connection, m: Message): boolean {
    if (m.type === MSG_MGR_MAP) {
      this.handleMap(m as MMgrMap);
      return false;
    }
    if (m.type !== MSG_MGR_COMMAND_REPLY || con !== this.con) return false;
    const { result, status, data } = m as MMgrCommandReply;
    const command = this.pending.get(m.tid);
    if (command === undefined) return true;
    this.pending.delete(m.tid);
    command.aborter?.release();
    command.resolve({ result, status, output: data.length === 0 ? EMPTY : Buffer.concat(data) });
    return true;
  }

  private handleMap(m: MMgrMap): void {
    const map = mgrMap.decode(new Decoder(m.map, 'MgrMap'));
    this.mon.subGot('mgrmap', map.epoch);
    const addrs = map.available ? map.activeAddrs : [];
    if (this.known && sameAddrVec(addrs, this.addrs)) return;
    this.known = true;
    this.addrs = addrs;
    this.connect();
  }

  handleReset(con: Connection): void {
    if (con === this.con && !this.closed) this.connect();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.con?.markDown();
    this.con = undefined;
    const gone = new NacreError('ESHUTDOWN', 'mgr_command', 'the client was closed');
    for (const command of this.pending.values()) {
      command.aborter?.release();
      command.reject(gone);
    }
    this.pending.clear();
  }
}
