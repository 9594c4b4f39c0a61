import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { NACRE } from './nacre.ts';

/** A `nacre rbd nbd` that serves. */
export class NbdGateway {
  readonly child: ChildProcess;
  readonly socket: string;
  stdout = '';
  stderr = '';
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;

  private constructor(child: ChildProcess, socket: string) {
    this.child = child;
    this.socket = socket;
    child.stdout!.on('data', chunk => {
      this.stdout += chunk;
    });
    child.stderr!.on('data', chunk => {
      this.stderr += chunk;
    });
    this.ended = new Promise(resolve => {
      child.once('close', (code, signal) => resolve(signal ?? code ?? 255));
    });
  }

  /**
   * Starts it at the unix socket `socket`, and resolves when clients can connect. `args`: images and options. It stays
   * without clients unless `persistent` is false. `before`: what stands before 'rbd nbd'.
   */
  static async start(
    conf: string,
    socket: string,
    args: readonly string[],
    { persistent = true, before = [] }: { persistent?: boolean; before?: readonly string[] } = {},
  ): Promise<NbdGateway> {
    const pid = `${socket}.pid`;
    const child = spawn(
      process.execPath,
      [
        ...[...NACRE, ...before, 'rbd', 'nbd', '-c', conf, '--socket', socket, `--pid-file=${pid}`],
        ...[...(persistent ? ['--persistent'] : []), ...args],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, CEPH_ARGS: '' } },
    );
    const gateway = new NbdGateway(child, socket);
    const late = Date.now() + 30_000;
    while (!existsSync(pid)) {
      if (Date.now() > late) child.kill('SIGKILL');
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the gateway ended with ${await gateway.ended}: ${gateway.stderr}`);
      await sleep(50);
    }
    return gateway;
  }

  uri(name = ''): string {
    return `nbd+unix:///${name}?socket=${this.socket}`;
  }

  /** Ends it as a service manager does; its exit code. */
  async stop(): Promise<number | string> {
    this.child.kill('SIGTERM');
    return this.ended;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
