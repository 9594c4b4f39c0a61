import { type ChildProcess, execFile, fork } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, vi } from 'vitest';
import type { FuseConnection } from '../../../src/fuse/index.ts';
import { unmount } from '../../../src/fuse/index.ts';
import type { ServerOptions } from './memory-server.ts';

const run = promisify(execFile);

// Each mount is a process that has to start.
vi.setConfig({ hookTimeout: 60_000, testTimeout: 60_000 });

function missing(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return `no /dev/fuse (${(error as NodeJS.ErrnoException).code})`;
  }
}

const reason = missing();
if (reason !== undefined && process.env['CI'] === 'true') throw new Error(`FUSE cannot be tested: ${reason}`);
if (reason !== undefined) process.stderr.write(`FUSE tests on real mounts are skipped: ${reason}\n`);

/** describe() for suites that mount; skipped with a message where that cannot be done, but not with CI=true. */
export const describeMounted = reason === undefined ? describe : describe.skip;

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'nacre-fuse-'));
}

/** The memory file system on a directory, served by a process of its own. */
export class MemoryMount implements AsyncDisposable {
  readonly dir: string;
  readonly server: ChildProcess;
  readonly connection: FuseConnection;
  /** What the server printed since the mount stands: dump lines. */
  readonly lines: string[];
  errors = '';
  readonly exited: Promise<number | null>;

  private constructor(dir: string, server: ChildProcess, connection: FuseConnection, lines: string[]) {
    this.dir = dir;
    this.server = server;
    this.connection = connection;
    this.lines = lines;
    this.exited = new Promise(resolve => server.once('exit', code => resolve(code)));
  }

  static async start(options: ServerOptions = {}, dir = temporaryDirectory()): Promise<MemoryMount> {
    const server = fork(join(import.meta.dirname, 'memory-server.ts'), [dir, JSON.stringify(options)], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const lines: string[] = [];
    let rest = '';
    let said = '';
    server.stderr!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const connection = await new Promise<FuseConnection>((resolve, reject) => {
      server.stdout!.on('data', (chunk: Buffer) => {
        const parts = (rest + chunk.toString()).split('\n');
        rest = parts.pop() ?? '';
        for (const line of parts) {
          if (line.startsWith('ready ')) resolve(JSON.parse(line.slice(6)) as FuseConnection);
          else lines.push(line);
        }
      });
      server.once('exit', code => reject(new Error(`the server ended with ${code}: ${said}`)));
    });
    const mounted = new MemoryMount(dir, server, connection, lines);
    mounted.errors = said;
    server.stderr!.on('data', (chunk: Buffer) => {
      mounted.errors += chunk.toString();
    });
    return mounted;
  }

  /** Has the server do something; see memory-server.ts. */
  async call(call: string, ...args: unknown[]): Promise<unknown> {
    const answer = new Promise<{ value?: unknown; error?: string }>(resolve =>
      this.server.once('message', message => resolve(message as { value?: unknown; error?: string })),
    );
    this.server.send({ call, args });
    const { value, error } = await answer;
    if (error !== undefined) throw new Error(error);
    return value;
  }

  /** Runs a shell script in the mount: nothing of it may run in this process, which must stay free. */
  async sh(script: string): Promise<string> {
    const { stdout } = await run('bash', ['-c', script], { cwd: this.dir, timeout: 60_000 });
    return stdout;
  }

  async python(script: string, ...args: string[]): Promise<string> {
    const { stdout } = await run('python3', ['-c', script, ...args], { cwd: this.dir, timeout: 60_000 });
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.server.exitCode === null && this.server.signalCode === null) {
      this.server.kill('SIGTERM');
      const late = setTimeout(() => this.server.kill('SIGKILL'), 5000);
      await this.exited;
      clearTimeout(late);
    }
    await unmount(this.dir, { lazy: true }).catch(() => {});
    rmdirSync(this.dir);
  }
}

/** The lines of /proc/mounts that are about a directory. */
export async function mountsOn(dir: string): Promise<string[]> {
  const { stdout } = await run('cat', ['/proc/mounts']);
  return stdout.split('\n').filter(line => line.split(' ')[1] === dir);
}
