import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { BrickGraph, volfilePart } from './gluster-brick.ts';

const HOST = '127.0.0.1';

/** A real glusterfsd with a volfile of its own, without glusterd and without io-threads: storage/posix, features/locks, protocol/server. */
export class LoneBrick implements AsyncDisposable {
  readonly brick: BrickGraph;
  private readonly dir: string;
  private readonly child: ChildProcess;

  private constructor(dir: string, child: ChildProcess, brick: BrickGraph) {
    this.dir = dir;
    this.child = child;
    this.brick = brick;
  }

  static async start(): Promise<LoneBrick> {
    const dir = mkdtempSync(join(tmpdir(), 'nacre-brick-'));
    const port = await freePort();
    mkdirSync(join(dir, 'data'));
    const server = {
      'transport-type': 'tcp',
      'transport.address-family': 'inet',
      'transport.socket.bind-address': HOST,
      'transport.socket.listen-port': port,
      'auth.addr.locks.allow': '*',
    };
    const volfile = join(dir, 'brick.vol');
    writeFileSync(
      volfile,
      volfilePart('posix', 'storage/posix', { directory: join(dir, 'data') }) +
        volfilePart('locks', 'features/locks', {}, 'posix') +
        volfilePart('server', 'protocol/server', server, 'locks'),
    );
    const files = ['-l', join(dir, 'brick.log'), '-p', join(dir, 'brick.pid')];
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'glusterfsd', '-N', '-f', volfile, ...files], {
      stdio: 'ignore',
    });
    await listening(port, child);
    const brick = new BrickGraph({ 'remote-host': HOST, 'remote-port': port, 'remote-subvolume': 'locks' });
    brick.graph.activate();
    const lone = new LoneBrick(dir, child, brick);
    try {
      await brick.graph.ready({ timeout: 20_000 });
    } catch (error) {
      await lone[Symbol.asyncDispose]();
      throw error;
    }
    return lone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.brick[Symbol.asyncDispose]();
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  const answers = () =>
    new Promise<boolean>(resolve => {
      const socket = connect(port, HOST, () => resolve(true));
      socket.once('error', () => resolve(false)).once('connect', () => socket.destroy());
    });
  for (let i = 0; !(await answers()); i++) {
    if (i > 200 || child.exitCode !== null) throw new Error('glusterfsd does not listen');
    await sleep(50);
  }
}
