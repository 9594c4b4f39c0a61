import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Stops a process, and resolves when none of its threads runs any more. SIGSTOP alone only asks for that: until the
 * thread that takes the signal has its turn, which on a busy machine is milliseconds, the others go on.
 */
export async function pause(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  while (!readdirSync(`/proc/${pid}/task`).every(thread => stateOf(pid, thread) === 'T')) await sleep(5);
}

/** Lets a paused process go on. */
export function resume(pid: number): void {
  process.kill(pid, 'SIGCONT');
}

/** The state letter of proc_pid_stat(5), behind the name in parentheses. */
function stateOf(pid: number, thread: string): string {
  const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
  return stat.charAt(stat.lastIndexOf(')') + 2);
}
