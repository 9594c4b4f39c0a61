import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NACRE } from './nacre.ts';
import { memoryMiB } from './process-memory.ts';

function isMountPoint(dir: string): boolean {
  return readFileSync('/proc/self/mounts', 'utf8').includes(` ${dir} fuse.nacre `);
}

/** `nacre mount -f` of a volume at a directory of its own, until it is disposed. */
export class NacreMount implements AsyncDisposable {
  readonly dir: string;
  private readonly child: ChildProcess;
  private readonly base: string;
  private said = '';

  private constructor(base: string, dir: string, child: ChildProcess) {
    this.base = base;
    this.dir = dir;
    this.child = child;
    const hear = (piece: Buffer) => {
      this.said += piece;
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
  }

  /** `options`: what goes behind -o. `before`: what stands before 'mount' on the command line. `node`: options of node itself. */
  static async start(
    volume: string,
    options: readonly string[] = [],
    {
      dir,
      before = [],
      node = [],
    }: { dir?: string; before?: readonly string[]; node?: readonly string[] } = {},
  ): Promise<NacreMount> {
    const base = mkdtempSync(join(tmpdir(), 'nacre-mount-'));
    const point = dir ?? base;
    const dead = isMountPoint(point);
    const words = options.length === 0 ? [] : ['-o', options.join(',')];
    const child = spawn(
      'setpriv',
      [
        '--pdeathsig',
        'KILL',
        process.execPath,
        ...node,
        ...NACRE,
        ...before,
        'mount',
        '-f',
        ...words,
        volume,
        point,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const mount = new NacreMount(base, point, child);
    // What a dead process has left there does not count.
    for (
      let i = 0;
      !mount.mounted || (dead && spawnSync('timeout', ['5', 'stat', '-t', point]).status !== 0);
      i++
    ) {
      if (i > 600 || mount.ended) {
        await mount[Symbol.asyncDispose]();
        throw new Error(`nacre mount ${volume}: ${mount.said}`);
      }
      await sleep(50);
    }
    return mount;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** What it said on standard output and error. */
  get output(): string {
    return this.said;
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  get mounted(): boolean {
    return isMountPoint(this.dir);
  }

  /** Peak resident memory, MiB. */
  get peakMiB(): number {
    return memoryMiB(this.pid, 'VmHWM');
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.child.kill(signal);
  }

  /** Exit code; null after a signal. */
  async exit(): Promise<number | null> {
    if (!this.ended) await new Promise(resolve => this.child.once('exit', resolve));
    return this.child.exitCode;
  }

  /** Unmounts, and resolves with the exit code of the process. */
  async umount(): Promise<number | null> {
    const { status } = spawnSync('timeout', ['20', 'umount', this.dir]);
    if (status !== 0) spawnSync('umount', ['-l', this.dir]);
    return this.exit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.ended) {
      this.kill('SIGTERM');
      await Promise.race([this.exit(), sleep(5000)]);
      if (!this.ended) this.kill();
      await this.exit();
    }
    spawnSync('umount', ['-l', this.dir]);
    rmSync(this.base, { recursive: true, force: true });
  }
}
