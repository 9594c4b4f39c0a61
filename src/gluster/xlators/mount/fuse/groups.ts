import type { Env } from '../../../../env/env.ts';

/** Groups that a process may have at most in its credentials on the wire. */
const MOST = 1 << 16;
const CACHED = 1024;

interface Known {
  readonly groups: readonly number[];
  readonly uid: number;
  readonly until: number;
}

/**
 * Supplementary groups of the processes that use a mount: FUSE tells uid and gid only, the rest is in /proc. Remembered for a
 * while by process (`gid-timeout`), as reading it costs more than most fops.
 */
export class ProcessGroups {
  private readonly env: Env;
  /** Seconds; 0: asked for each time. */
  private readonly timeout: number;
  private readonly known = new Map<number, Known>();

  constructor(env: Env, timeout: number) {
    this.env = env;
    this.timeout = timeout;
  }

  of(pid: number, uid: number): readonly number[] {
    if (pid === 0) return [];
    const now = this.env.clock.mono();
    const found = this.known.get(pid);
    if (found !== undefined && found.uid === uid && now < found.until) return found.groups;
    const groups = this.read(pid);
    if (this.timeout > 0) {
      if (this.known.size >= CACHED) this.known.clear();
      this.known.set(pid, { groups, uid, until: now + this.timeout * 1000 });
    }
    return groups;
  }

  private read(pid: number): readonly number[] {
    let status: string;
    try {
      status = this.env.fs.readFileSync(`/proc/${pid}/status`)?.toString('latin1') ?? '';
    } catch {
      return []; // gone already, or hidden from us
    }
    const line = /^Groups:\s*(.*)$/m.exec(status)?.[1].trim() ?? '';
    return line === '' ? [] : line.split(/\s+/).map(Number).slice(0, MOST);
  }
}
