import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandResult } from './real-ceph.ts';

export interface RealGlusterOptions {
  /** Where everything lies; a new directory under the system's temporary one by default, removed at the end. */
  dir?: string;
  /** Address that glusterd binds; its port is 24007 always. */
  bind?: string;
  logLevel?: string;
  /** Folder with secure-access, glusterfs.pem, glusterfs.key and glusterfs.ca: the management connections speak TLS with them. */
  secureDir?: string;
}

export interface VolumeOptions {
  type?: 'distribute' | 'replicate' | 'arbiter' | 'disperse';
  /** How many bricks: 3 by default, of a disperse volume 3 too (2+1). */
  bricks?: number;
  /** Copies of each file: all bricks by default ('replicate'). */
  replica?: number;
  /** Of a disperse set; 1 by default. */
  redundancy?: number;
  /** Bricks of one disperse set; all by default. */
  disperse?: number;
  /** `volume set` before the start. */
  options?: Readonly<Record<string, string | number>>;
  start?: boolean;
}

export interface Brick {
  readonly index: number;
  readonly host: string;
  readonly path: string;
  /** Undefined while it is down. */
  readonly port: number | undefined;
  /** Of this machine, whatever glusterd thinks it to be. */
  readonly pid: number | undefined;
}

const TOOLS = [
  'glusterd',
  'glusterfsd',
  'glusterfs',
  'gluster',
  'fusermount3',
  'nsenter',
  'setpriv',
  'getfattr',
];

/** True when GlusterFS and what starts it are here, and we are root. With CI=true their absence is a failure, not a skip. */
export function haveRealGluster(): boolean {
  const missing = TOOLS.filter(tool => spawnSync('which', [tool]).status !== 0);
  if (process.getuid?.() !== 0) missing.push('root');
  if (missing.length > 0 && process.env['CI'] === 'true')
    throw new Error(
      `real GlusterFS is missing (${missing.join(', ')}): apt-get install --no-install-recommends glusterfs-server glusterfs-client attr fuse3`,
    );
  return missing.length === 0;
}

/** Arguments of a process; empty when it is gone or a zombie. */
function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

/** Everything of GlusterFS whose command line names the directory. */
function daemonsOf(dir: string): { pid: number; args: string[] }[] {
  const found: { pid: number; args: string[] }[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const args = commandLine(pid);
    if (!/(^|\/)(glusterd|glusterfs|glusterfsd|glfsheal)$/.test(args[0] ?? '')) continue;
    if (args.some(arg => arg.includes(`${dir}/`))) found.push({ pid, args });
  }
  return found;
}

async function until(
  what: string,
  timeoutMs: number,
  check: () => Promise<boolean> | boolean,
): Promise<void> {
  for (const end = Date.now() + timeoutMs; ; await sleep(100)) {
    if (await check()) return;
    if (Date.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`);
  }
}

function portIsTaken(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/**
 * A real GlusterFS node of Debian's packages on 127.0.0.1: glusterd, bricks and what else it starts, from one directory and
 * without a service manager. They live in a PID namespace of their own, which the kernel ends when this process dies. Port 24007 is
 * fixed, so that there can be one at a time in a network namespace.
 */
export class RealGluster implements AsyncDisposable {
  readonly dir: string;
  readonly bind: string;
  /** The name that bricks are made with; the CLI refuses 'localhost' and '127.0.0.1'. */
  host = '127.1';
  private readonly logLevel: string;
  private readonly secureDir: string | undefined;
  private readonly ownDir: boolean;
  private init: ChildProcess | undefined;
  private initPid = 0;
  private readonly mounts = new Map<string, ChildProcess>();
  private readonly onExit = () => this.endNow();

  private constructor(options: RealGlusterOptions) {
    this.ownDir = options.dir === undefined;
    this.dir = realpathSync(options.dir ?? mkdtempSync(join(tmpdir(), 'rgl-')));
    this.bind = options.bind ?? '127.0.0.1';
    this.logLevel = options.logLevel ?? 'INFO';
    this.secureDir = options.secureDir;
  }

  static async start(options: RealGlusterOptions = {}): Promise<RealGluster> {
    if (options.dir !== undefined) mkdirSync(options.dir, { recursive: true });
    const node = new RealGluster(options);
    try {
      await node.make();
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }

  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  /** Glusterd's own socket, for the CLI and tools. */
  get socket(): string {
    return this.path('run', 'glusterd.socket');
  }

  private async make(): Promise<void> {
    for (const sub of ['wd', 'run', 'log', 'bricks', 'mnt']) mkdirSync(this.path(sub), { recursive: true });
    mkdirSync('/run/gluster', { recursive: true });
    mkdirSync('/var/log/glusterfs', { recursive: true });
    if (await portIsTaken(this.bind, 24007))
      throw new Error(`${this.bind}:24007 is in use: another glusterd runs in this network namespace`);
    const own = await lookup(hostname(), 4).catch(() => undefined);
    if (this.bind !== '127.0.0.1') this.host = this.bind;
    else if (own?.address === this.bind && hostname() !== 'localhost') this.host = hostname();
    writeFileSync(this.path('glusterd.vol'), this.glusterdVolfile());
    process.once('exit', this.onExit);
    this.startInit();
    await this.startGlusterd();
  }

  private glusterdVolfile(): string {
    const options = {
      'working-directory': this.path('wd'),
      'run-directory': this.path('run'),
      'logging-directory': this.path('log'),
      'glusterd-sockfile': this.socket,
      'transport-type': 'socket',
      'transport.address-family': 'inet',
      'transport.socket.bind-address': this.bind,
      'transport.socket.listen-port': 24007,
      'transport.socket.keepalive-time': 10,
      'transport.socket.keepalive-interval': 2,
      'transport.socket.read-fail-log': 'off',
      'rpc-auth-allow-insecure': 'on',
      'ping-timeout': 0,
      'event-threads': 1,
      'base-port': 49152,
      'max-port': 49251,
    };
    const lines = Object.entries(options).map(([key, value]) => `    option ${key} ${value}`);
    return ['volume management', '    type mgmt/glusterd', ...lines, 'end-volume', ''].join('\n');
  }

  /**
   * The first process of the namespace: reaps what the daemons leave (to glusterd a zombie is a brick that still runs), and takes
   * all of them with it when it ends.
   */
  private startInit(): void {
    const secure =
      this.secureDir === undefined
        ? ''
        : [
            'mkdir -p /var/lib/glusterd /etc/ssl /usr/lib/ssl',
            `mount --bind '${this.secureDir}' /var/lib/glusterd`,
            `mount --bind '${this.secureDir}' /etc/ssl`,
            // Where Debian's build looks.
            `mount --bind '${this.secureDir}' /usr/lib/ssl`,
            '',
          ].join(' && ');
    const script = `${secure} echo ready; trap : TERM; while :; do sleep 3600 & wait; done`;
    const out = openSync(this.path('log', 'init.out'), 'a');
    this.init = spawn(
      'setpriv',
      [
        '--pdeathsig',
        'KILL',
        'unshare',
        '--pid',
        '--fork',
        '--kill-child',
        '--mount-proc',
        'bash',
        '-c',
        script,
      ],
      { stdio: ['ignore', out, out] },
    );
    closeSync(out);
  }

  private namespaceArgs(): string[] {
    return ['-t', String(this.initPid), '-p', '-m'];
  }

  /** Starts glusterd, also again after `stopGlusterd`. */
  async startGlusterd(): Promise<void> {
    const log = this.path('log', 'init.out');
    await until('the PID namespace', 10_000, () => readFileSync(log, 'utf8').includes('ready'));
    const children = readFileSync(`/proc/${this.init!.pid}/task/${this.init!.pid}/children`, 'utf8');
    this.initPid = Number(children.trim().split(' ')[0]);
    const started = await this.exec('nsenter', [
      ...this.namespaceArgs(),
      'glusterd',
      ...['-f', this.path('glusterd.vol'), '-p', this.path('run', 'glusterd.pid')],
      ...['-l', this.path('log', 'glusterd.log'), '-L', this.logLevel],
    ]);
    if (started.code !== 0) throw new Error(`glusterd did not start: ${started.stderr}\n${this.lastWords()}`);
    try {
      await until('glusterd', 20_000, async () => (await this.tryCli('volume', 'list')).code === 0);
    } catch (error) {
      throw new Error(`${(error as Error).message}; the last words:\n${this.lastWords()}`);
    }
  }

  /** Ends glusterd alone; bricks and mounts stay. */
  async stopGlusterd({ kill = false } = {}): Promise<void> {
    const pid = this.glusterdPid();
    if (pid === undefined) return;
    process.kill(pid, kill ? 'SIGKILL' : 'SIGTERM');
    await until('the end of glusterd', 10_000, () => commandLine(pid).length === 0);
    rmSync(this.path('run', 'glusterd.pid'), { force: true });
  }

  glusterdPid(): number | undefined {
    return daemonsOf(this.dir).find(({ args }) => /(^|\/)glusterd$/.test(args[0]))?.pid;
  }

  /** Ends of the logs, for the message of a failure: the directory itself is removed. */
  lastWords(): string {
    return readdirSync(this.path('log'))
      .filter(name => name.endsWith('.log') && name !== 'cli.log')
      .map(name => `== ${name}\n${readFileSync(this.path('log', name), 'utf8').slice(-1500)}`)
      .join('\n');
  }

  /** Runs a program; never rejects for an exit code. */
  exec(program: string, args: readonly string[], timeoutMs = 60_000): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      child.stdout.on('data', chunk => out.push(chunk));
      child.stderr.on('data', chunk => err.push(chunk));
      child.once('error', reject);
      const done = (code: number | null, signal: NodeJS.Signals | null) =>
        resolve({
          stdout: Buffer.concat(out),
          stderr: Buffer.concat(err).toString() + (signal === null ? '' : `\nkilled by ${signal}`),
          code: code ?? 128,
        });
      // A daemon keeps the pipes of the command that started it: its exit counts, not theirs.
      child.once('exit', (code, signal) => setTimeout(done, 20, code, signal));
    });
  }

  /** The real `gluster`; never rejects for an exit code. */
  tryCli(...args: string[]): Promise<CommandResult> {
    return this.exec('nsenter', [
      ...this.namespaceArgs(),
      ...['gluster', '--mode=script', `--log-file=${this.path('log', 'cli.log')}`],
      `--glusterd-sock=${this.socket}`,
      ...args,
    ]);
  }

  /** The real `gluster`: what it printed. */
  async cli(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tryCli(...args);
    if (code !== 0) throw new Error(`gluster ${args.join(' ')}: ${stderr}${stdout.toString()}`);
    return stdout.toString();
  }

  brickPath(volume: string, index: number): string {
    return this.path('bricks', volume, `b${index}`);
  }

  async createVolume(name: string, options: VolumeOptions = {}): Promise<void> {
    const { type = 'distribute', bricks = 3, redundancy = 1 } = options;
    const home = dirname(this.brickPath(name, 0));
    if (existsSync(home)) await this.deleteVolume(name, home);
    const spec: string[] = [];
    if (type === 'replicate') spec.push('replica', String(options.replica ?? bricks));
    if (type === 'arbiter') spec.push('replica', '2', 'arbiter', '1');
    if (type === 'disperse')
      spec.push('disperse', String(options.disperse ?? bricks), 'redundancy', String(redundancy));
    const paths: string[] = [];
    for (let i = 0; i < bricks; i++) {
      mkdirSync(this.brickPath(name, i), { recursive: true });
      paths.push(`${this.host}:${this.brickPath(name, i)}`);
    }
    await this.cli('volume', 'create', name, ...spec, 'transport', 'tcp', ...paths, 'force');
    for (const [key, value] of Object.entries(options.options ?? {}))
      await this.cli('volume', 'set', name, key, String(value));
    if (options.start === false) return;
    await this.cli('volume', 'start', name);
    await this.waitForBricks(name);
  }

  /** Takes a volume away with all that is in it, mounted or not: a test that is tried again begins anew. */
  private async deleteVolume(name: string, home: string): Promise<void> {
    await this.tryCli('volume', 'stop', name, 'force');
    await this.tryCli('volume', 'delete', name);
    rmSync(home, { recursive: true });
  }

  /** The volfile that clients get. */
  volfile(name: string): string {
    return readFileSync(this.path('wd', 'vols', name, `trusted-${name}.tcp-fuse.vol`), 'utf8');
  }

  /** Adds bricks to a distribute volume and waits until they are up. */
  async addBricks(name: string, count = 1): Promise<void> {
    const old = (await this.bricks(name)).length;
    const paths: string[] = [];
    for (let i = old; i < old + count; i++) {
      mkdirSync(this.brickPath(name, i), { recursive: true });
      paths.push(`${this.host}:${this.brickPath(name, i)}`);
    }
    await this.cli('volume', 'add-brick', name, ...paths, 'force');
    await this.waitForBricks(name);
  }

  /** Has a brick's files moved to the others (`start`), gives that up (`stop`), or takes the emptied brick out (`commit`). */
  removeBrick(name: string, index: number, what: 'start' | 'stop' | 'commit' | 'status'): Promise<string> {
    return this.cli('volume', 'remove-brick', name, `${this.host}:${this.brickPath(name, index)}`, what);
  }

  /** The volume's bricks in their order, as glusterd knows them. */
  async bricks(name: string): Promise<Brick[]> {
    const xml = await this.cli('volume', 'status', name, 'detail', '--xml');
    const daemons = daemonsOf(this.dir);
    const found: Brick[] = [];
    for (const [, node] of xml.matchAll(/<node>(.*?)<\/node>/gs)) {
      const field = (tag: string) => new RegExp(`<${tag}>([^<]*)`).exec(node)?.[1] ?? '';
      const path = field('path');
      if (!path.startsWith('/')) continue;
      const up = field('status') === '1';
      const port = Number(field('port'));
      const pid = daemons.find(({ args }) => args[args.indexOf('--brick-name') + 1] === path)?.pid;
      found.push({
        index: found.length,
        host: field('hostname'),
        path,
        port: up && port > 0 ? port : undefined,
        pid: up ? pid : undefined,
      });
    }
    return found;
  }

  private async waitForBricks(name: string): Promise<void> {
    await until(`bricks of ${name}`, 30_000, async () => {
      const bricks = await this.bricks(name);
      return bricks.length > 0 && bricks.every(b => b.port !== undefined && b.pid !== undefined);
    });
  }

  /** SIGKILL. */
  async killBrick(name: string, index: number): Promise<void> {
    const path = this.brickPath(name, index);
    const found = daemonsOf(this.dir).find(({ args }) => args[args.indexOf('--brick-name') + 1] === path);
    if (found === undefined) throw new Error(`brick ${index} of ${name} does not run`);
    process.kill(found.pid, 'SIGKILL');
    await until(`the end of brick ${index} of ${name}`, 10_000, () => commandLine(found.pid).length === 0);
    rmSync(found.args[found.args.indexOf('-p') + 1], { force: true });
  }

  /** Starts the bricks that do not run. */
  async startBricks(name: string): Promise<void> {
    await this.cli('volume', 'start', name, 'force');
    await this.waitForBricks(name);
  }

  /** Mounts a volume with the real client on `where`, or on a directory of our own; returns the mount point. */
  async mount(name: string, where?: string, args: readonly string[] = []): Promise<string> {
    const point = where ?? mkdtempSync(this.path('mnt', `${name}-`));
    mkdirSync(point, { recursive: true });
    const log = this.path('log', `mnt-${point.replaceAll('/', '-')}.log`);
    const out = openSync(this.path('log', 'mounts.out'), 'a');
    const child = spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', 'glusterfs', '-N', '--process-name', 'fuse'],
        ...[`--volfile-server=${this.bind}`, `--volfile-id=${name}`],
        ...[`--log-file=${log}`, `--log-level=${this.logLevel}`, ...args, point],
      ],
      { stdio: ['ignore', out, out] },
    );
    closeSync(out);
    this.mounts.set(point, child);
    let gone = false;
    child.once('exit', () => {
      gone = true;
    });
    await until(`mount of ${name} on ${point}`, 20_000, async () => {
      if (gone) throw new Error(`glusterfs ended:\n${readFileSync(log, 'utf8').slice(-3000)}`);
      if (!readFileSync('/proc/self/mounts', 'utf8').includes(` ${point} fuse.glusterfs `)) return false;
      return (await this.exec('timeout', ['5', 'stat', '-t', point])).code === 0;
    });
    return point;
  }

  /** The process of a mount. */
  mountPid(point: string): number | undefined {
    return this.mounts.get(point)?.pid;
  }

  async umount(point: string): Promise<void> {
    const child = this.mounts.get(point);
    this.mounts.delete(point);
    if ((await this.exec('umount', [point])).code !== 0) await this.exec('umount', ['-l', point]);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));
    await Promise.race([ended, sleep(5000).then(() => child.kill('SIGKILL'))]);
    await ended;
  }

  /** All extended attributes of a file on a brick (or anywhere), by name. */
  xattrs(path: string): Map<string, Buffer> {
    const text = execFileSync('getfattr', ['-h', '-d', '-m', '.', '-e', 'hex', '--absolute-names', path], {
      encoding: 'utf8',
    });
    const found = new Map<string, Buffer>();
    for (const line of text.split('\n')) {
      const at = line.indexOf('=0x');
      if (at > 0) found.set(line.slice(0, at), Buffer.from(line.slice(at + 3), 'hex'));
    }
    return found;
  }

  /** What is left of the daemons' sockets outside of our directory. */
  private strayPaths(): string[] {
    const sockets: string[] = [];
    for (const { args } of daemonsOf(this.dir)) {
      const at = args.indexOf('-S');
      if (at > 0 && /^(\/var)?\/run\/gluster\//.test(args[at + 1])) sockets.push(args[at + 1]);
    }
    return sockets;
  }

  /** Without waiting for anything: the process ends. */
  private endNow(): void {
    for (const [point, child] of this.mounts) {
      child.kill('SIGKILL');
      spawnSync('umount', ['-l', point]);
    }
    this.init?.kill('SIGKILL');
    if (this.ownDir) rmSync(this.dir, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.onExit);
    for (const point of [...this.mounts.keys()]) await this.umount(point);
    const stray = this.strayPaths();
    const { init } = this;
    this.init = undefined;
    if (init !== undefined && init.exitCode === null && init.signalCode === null) {
      const ended = new Promise<void>(resolve => init.once('exit', () => resolve()));
      init.kill('SIGKILL');
      await ended;
      // The namespace goes after its first process; only then are ports and files free.
      await until('the end of the daemons', 10_000, () => daemonsOf(this.dir).length === 0);
    }
    for (const path of stray) rmSync(path, { force: true });
    if (this.ownDir) rmSync(this.dir, { recursive: true, force: true });
  }
}
