import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What one finished process used. */
export interface ProcessRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** User and system CPU time of the process and its children, seconds (clock ticks of 10 ms). */
  readonly cpuSeconds: number;
  /** Highest resident memory seen, MiB (sampled every 50 ms). */
  readonly peakMiB: number;
}

/** CPU seconds of all children that this process has waited for. */
function childrenCpu(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

function peakOf(pid: number): number {
  try {
    const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return match === null ? 0 : Number(match[1]) / 1024;
  } catch {
    return 0; // it has just ended
  }
}

/** CPU seconds of a process that is running. */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/**
 * Runs one process to its end and measures it. Not for use with other children at the same time. `onLine` hears of every
 * line that it prints, as it comes, and may ask for the CPU seconds so far.
 */
export function measure(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  onLine?: (line: string, cpuSeconds: () => number) => void,
): Promise<ProcessRun> {
  const before = childrenCpu();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    let peakMiB = 0;
    const sampler = setInterval(() => {
      peakMiB = Math.max(peakMiB, peakOf(child.pid!));
    }, 50);
    let heard = 0;
    child.stdout.on('data', chunk => {
      stdout += chunk;
      if (onLine === undefined) return;
      for (let end = stdout.indexOf('\n', heard); end >= 0; end = stdout.indexOf('\n', heard)) {
        onLine(stdout.slice(heard, end), () => cpuOf(child.pid!));
        heard = end + 1;
      }
    });
    child.stderr.on('data', chunk => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', code => {
      clearInterval(sampler);
      resolve({ code: code ?? 128, stdout, stderr, cpuSeconds: childrenCpu() - before, peakMiB });
    });
  });
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
