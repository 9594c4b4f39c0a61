import type { Fd } from '../graph/fd.ts';
import type { Frame } from '../graph/frame.ts';
import { withLock } from '../graph/held-locks.ts';
import { F_GETLK, F_RDLCK, F_SETLK, F_SETLKW, F_UNLCK, F_WRLCK, type Flock } from '../types/fs.ts';
import type { Abortable, Session } from './session.ts';

export interface LockOptions extends Abortable {
  start?: number;
  /** 0: to the end of the file, however far it grows. */
  length?: number;
  exclusive?: boolean;
  /** Waits for it; otherwise EAGAIN when somebody has it. Default true. */
  wait?: boolean;
}

export interface LockFound {
  readonly exclusive: boolean;
  readonly pid: number;
  readonly start: number;
  readonly length: number;
}

/** What is asked of a file's locks: a fcntl command, and a kind of lock. */
export interface LockCommand {
  readonly cmd: number;
  readonly type: number;
  readonly start: number;
  readonly length: number;
}

export function lockCommand(options: LockOptions): LockCommand {
  const { start = 0, length = 0, exclusive = true, wait = true } = options;
  return { cmd: wait ? F_SETLKW : F_SETLK, type: exclusive ? F_WRLCK : F_RDLCK, start, length };
}

export function unlockCommand({ start = 0, length = 0 }: { start?: number; length?: number }): LockCommand {
  return { cmd: F_SETLK, type: F_UNLCK, start, length };
}

export function askCommand({ start = 0, length = 0, exclusive = true }: LockOptions): LockCommand {
  return { cmd: F_GETLK, type: exclusive ? F_WRLCK : F_RDLCK, start, length };
}

/** As fcntl has it: who may not read (write) may not take a shared (exclusive) lock; bricks do not mind. */
export function rightFor({ cmd, type }: LockCommand): 'read' | 'write' | undefined {
  if (cmd === F_GETLK || type === F_UNLCK) return undefined;
  return type === F_WRLCK ? 'write' : 'read';
}

export function mayWait({ cmd }: LockCommand): boolean {
  return cmd === F_SETLKW;
}

export function lockFound({ type, pid, start, len }: Flock): LockFound | undefined {
  return type === F_UNLCK ? undefined : { exclusive: type === F_WRLCK, pid, start, length: len };
}

let nextOwner = 1;

/** The locks of one open file, and whose they are: the handle's own. */
export class HandleLocks {
  /** Eight bytes, one a character. */
  readonly owner: string;
  /** Granted, to be taken again in the next graph. */
  held: readonly Flock[] = [];
  private readonly session: Session;

  constructor(session: Session) {
    this.session = session;
    const owner = Buffer.alloc(8);
    owner.writeUInt32BE(session.env.host.pid, 0);
    owner.writeUInt32BE(nextOwner++ >>> 0, 4);
    this.owner = owner.toString('latin1');
  }

  async run(frame: Frame, file: Fd, { cmd, type, start, length }: LockCommand): Promise<Flock> {
    frame.root.lkOwner = this.owner;
    const flock = { type, whence: 0, start, len: length, pid: frame.root.pid, owner: this.owner };
    const answer = await this.session.fops.lk(frame, file, cmd, flock);
    if (cmd !== F_GETLK) this.held = withLock(this.held, flock);
    return answer.flock;
  }
}
