import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

const run = promisify(execFile);

export interface RealCephOptions {
  osds?: number;
  /** Monitors, named a, b, c ... */
  mons?: number;
  /** A manager too, named x; `start` waits until it is active. */
  mgr?: boolean;
  auth?: 'cephx' | 'none';
  /** Connection mode for every kind of peer; 'default' leaves Ceph's own choice. */
  mode?: 'default' | 'crc' | 'secure';
  /** Messenger protocols that the daemons bind. */
  proto?: 'both' | 'v2' | 'v1';
  store?: 'memstore' | 'bluestore';
  /** More lines for [global]. */
  conf?: Record<string, string | number | boolean>;
}

/** A finished command: what it printed and how it ended. */
export interface CommandResult {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly code: number;
}

/** True when the daemons and tools of real Ceph are installed. With CI=true their absence is a failure, not a skip. */
export function haveRealCeph(): boolean {
  const found = [
    'ceph-mon',
    'ceph-osd',
    'ceph-mgr',
    'ceph-authtool',
    'monmaptool',
    'rados',
    'rbd',
    'ceph',
  ].every(tool => spawnSync('which', [tool]).status === 0);
  if (!found && process.env['CI'] === 'true')
    throw new Error(
      'real Ceph is missing: apt-get install --no-install-recommends ceph-mon ceph-osd ceph-mgr ceph-common',
    );
  return found;
}

/**
 * Has each connected client shut down before Python exits. One in 250 died while exiting otherwise (SIGABRT of `map::at`, SIGSEGV), as
 * its threads went on after what they use was gone.
 */
const SHUT_DOWN = `
import atexit, gc, rados
atexit.register(lambda: [each.shutdown() for each in gc.get_objects() if isinstance(each, rados.Rados)])
`;

/**
 * A real Ceph cluster of Debian's packages on 127.0.0.1: one monitor, some OSDs, a directory of its own. The
 * daemons are children that the kernel kills when this process dies, so that nothing is left behind.
 */
export class RealCeph implements AsyncDisposable {
  readonly dir: string;
  readonly conf: string;
  readonly keyring: string;
  readonly fsid = randomUUID();
  /** Ports of each monitor: v2 and v1. */
  private monPorts: (readonly [number, number])[] = [];
  private readonly options: Required<RealCephOptions>;
  private readonly daemons = new Map<string, ChildProcess>();

  private constructor(options: RealCephOptions) {
    this.options = {
      osds: 3,
      mons: 1,
      mgr: false,
      auth: 'cephx',
      mode: 'default',
      proto: 'both',
      store: 'memstore',
      conf: {},
      ...options,
    };
    this.dir = mkdtempSync(join(tmpdir(), 'rceph-'));
    this.conf = join(this.dir, 'ceph.conf');
    this.keyring = join(this.dir, 'keyring');
  }

  static async start(options: RealCephOptions = {}): Promise<RealCeph> {
    const cluster = new RealCeph(options);
    try {
      await cluster.make();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Names of the monitors: 'a' ... */
  get monNames(): string[] {
    return this.monPorts.map((_, i) => String.fromCharCode(97 + i));
  }

  /** Addresses of one monitor, as they stand in mon_host. */
  private monAddrs([v2Port, v1Port]: readonly [number, number]): string {
    const v2 = `v2:127.0.0.1:${v2Port}`;
    const v1 = `v1:127.0.0.1:${v1Port}`;
    if (this.options.proto === 'both') return `[${v2},${v1}]`;
    return this.options.proto === 'v2' ? `[${v2}]` : `[${v1}]`;
  }

  /** mon_host of this cluster. */
  get monHost(): string {
    return this.monPorts.map(ports => this.monAddrs(ports)).join(',');
  }

  /** Port of monitor a that speaks v2. */
  get monPort(): number {
    return this.monPorts[0][0];
  }

  /** Port of monitor a that speaks v1. */
  get monPortV1(): number {
    return this.monPorts[0][1];
  }

  /** The base64 key of client.admin. */
  get key(): string {
    return /key\s*=\s*(\S+)/.exec(readFileSync(this.keyring, 'utf8'))![1];
  }

  private path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  private confText(): string {
    const { osds, auth, mode, proto, store, conf } = this.options;
    const size = Math.min(3, osds);
    const modes =
      mode === 'default'
        ? []
        : ['cluster', 'service', 'client', 'mon_cluster', 'mon_service', 'mon_client'].map(
            which => `ms_${which}_mode = ${mode}`,
          );
    return [
      '[global]',
      `fsid = ${this.fsid}`,
      `mon_host = ${this.monHost}`,
      `mon_initial_members = ${this.monNames.join(',')}`,
      'public_addr = 127.0.0.1',
      'cluster_addr = 127.0.0.1',
      'ms_bind_ipv4 = true',
      'ms_bind_ipv6 = false',
      `ms_bind_msgr1 = ${proto !== 'v2'}`,
      `ms_bind_msgr2 = ${proto !== 'v1'}`,
      `auth_cluster_required = ${auth}`,
      `auth_service_required = ${auth}`,
      `auth_client_required = ${auth}`,
      `keyring = ${this.keyring}`,
      ...modes,
      `osd_pool_default_size = ${size}`,
      `osd_pool_default_min_size = ${size > 1 ? size - 1 : 1}`,
      'osd_pool_default_pg_num = 16',
      'osd_pool_default_pgp_num = 16',
      'osd_pool_default_pg_autoscale_mode = off',
      'osd_crush_chooseleaf_type = 0',
      'mon_allow_pool_delete = true',
      'mon_allow_pool_size_one = true',
      'mon_max_pg_per_osd = 2000',
      'mon_warn_on_pool_no_redundancy = false',
      'mon_warn_on_pool_no_app = false',
      'mon_warn_on_insecure_global_id_reclaim = false',
      'mon_warn_on_insecure_global_id_reclaim_allowed = false',
      'crush_location = root=default host=real-ceph',
      `run_dir = ${this.path('run')}`,
      ...Object.entries(conf).map(([name, value]) => `${name} = ${value}`),
      '[mon]',
      `mon_data = ${this.path('mon.$id')}`,
      `log_file = ${this.path('log', '$name.log')}`,
      `mon_cluster_log_file = ${this.path('log', 'cluster.log')}`,
      `admin_socket = ${this.path('run', '$name.asok')}`,
      'mon_data_avail_warn = 2',
      'mon_data_avail_crit = 1',
      'mon_osd_report_timeout = 300',
      '[mgr]',
      `mgr_data = ${this.path('mgr.$id')}`,
      `keyring = ${this.path('mgr.$id', 'keyring')}`,
      `log_file = ${this.path('log', '$name.log')}`,
      `admin_socket = ${this.path('run', '$name.asok')}`,
      'mgr_initial_modules =',
      '[osd]',
      `osd_data = ${this.path('osd.$id')}`,
      `keyring = ${this.path('osd.$id', 'keyring')}`,
      `log_file = ${this.path('log', '$name.log')}`,
      `admin_socket = ${this.path('run', '$name.asok')}`,
      `osd_objectstore = ${store}`,
      'osd_class_load_list = *',
      'osd_class_default_list = *',
      'osd_max_object_name_len = 2048',
      'osd_check_max_object_name_len_on_startup = false',
      'osd_memory_target = 1073741824',
      'memstore_device_bytes = 4294967296',
      'bluestore_block_path =',
      'bluestore_block_create = true',
      'bluestore_block_size = 4294967296',
      'bluestore_fsck_on_mount = false',
      'bluestore_fsck_on_umount = false',
      '',
    ].join('\n');
  }

  private async make(): Promise<void> {
    const { osds, mons, mgr } = this.options;
    for (let i = 0; i < mons; i++) this.monPorts.push([await freePort(), await freePort()]);
    const { monNames } = this;
    for (const sub of ['log', 'run', ...monNames.map(name => `mon.${name}`)])
      mkdirSync(this.path(sub), { recursive: true });
    writeFileSync(this.conf, this.confText());
    const monKeyring = this.path('mon.keyring');
    const addKey = async (name: string, file: string, caps: string[]) => {
      const capArgs = caps.flatMap(cap => {
        const [service, ...rest] = cap.split(' ');
        return ['--cap', service, rest.join(' ')];
      });
      await run('ceph-authtool', [file, '--create-keyring', '--gen-key', '-n', name, ...capArgs]);
      if (file !== monKeyring) await run('ceph-authtool', [monKeyring, '--import-keyring', file]);
    };
    await addKey('mon.', monKeyring, ['mon allow *']);
    await addKey('client.admin', this.keyring, ['mon allow *', 'osd allow *', 'mgr allow *', 'mds allow *']);
    const uuids: string[] = [];
    for (let i = 0; i < osds; i++) {
      mkdirSync(this.path(`osd.${i}`));
      await addKey(`osd.${i}`, this.path(`osd.${i}`, 'keyring'), [
        'mon allow profile osd',
        'mgr allow profile osd',
        'osd allow *',
      ]);
      uuids.push(randomUUID());
    }
    const monmap = this.path('monmap');
    await run('monmaptool', [
      '--create',
      '--clobber',
      '--fsid',
      this.fsid,
      '--set-min-mon-release',
      'pacific',
      ...monNames.flatMap((name, i) => ['--addv', name, this.monAddrs(this.monPorts[i])]),
      monmap,
    ]);
    for (const name of monNames)
      await run('ceph-mon', [
        '--mkfs',
        ...['-i', name, '-c', this.conf, '--monmap', monmap, '--keyring', monKeyring],
      ]);
    const mkfs = uuids.map((uuid, i) =>
      run('ceph-osd', [
        '--mkfs',
        '-i',
        String(i),
        '-c',
        this.conf,
        '--no-mon-config',
        '--monmap',
        monmap,
        '--osd-uuid',
        uuid,
      ]),
    );
    for (const name of monNames) await this.startDaemon(`mon.${name}`);
    const commands = uuids.map((uuid, i) => `osd new ${uuid} ${i}`).join('\n');
    const setup = await this.exec('ceph', ['-c', this.conf, '--connect-timeout', '30'], {
      input: `${commands}\n`,
    });
    if (setup.code !== 0) throw new Error(`osd new failed: ${setup.stderr}`);
    await Promise.all(mkfs);
    for (let i = 0; i < osds; i++) await this.startDaemon(`osd.${i}`);
    await this.boot(osds);
    if (mgr) await this.bootMgr();
  }

  /**
   * Waits for the first boot. An OSD that authenticates before the monmap has come sends its first command
   * without an fsid and exits over the answer ('wrong fsid'): it is started again.
   */
  private async boot(osds: number): Promise<void> {
    const booting = this.waitForOsds(osds);
    let waiting = true;
    const settled = () => {
      waiting = false;
    };
    booting.then(settled, settled);
    while (waiting) {
      await sleep(500);
      for (let i = 0; waiting && i < osds; i++) await this.startOne(`osd.${i}`);
    }
    return booting;
  }

  private async bootMgr(): Promise<void> {
    const caps = ['mon', 'allow profile mgr', 'osd', 'allow *', 'mds', 'allow *'];
    const key = await this.ceph(['auth', 'get-or-create', 'mgr.x', ...caps]);
    mkdirSync(this.path('mgr.x'));
    writeFileSync(this.path('mgr.x', 'keyring'), key.stdout);
    await this.startDaemon('mgr.x');
    for (const end = Date.now() + 60_000; ; await sleep(300)) {
      const { stdout, code } = await this.ceph(['mgr', 'stat', '-f', 'json']);
      if (code === 0 && (JSON.parse(stdout.toString()) as { available: boolean }).available) return;
      if (Date.now() > end) throw new Error(`no active manager; the last words:\n${this.lastWords()}`);
    }
  }

  /** Ends of the daemons' logs, for the message of a failure: the directory itself is removed. */
  private lastWords(): string {
    return readdirSync(this.path('log'))
      .filter(name => name.endsWith('.log') && name !== 'cluster.log')
      .map(name => `== ${name}\n${readFileSync(this.path('log', name), 'utf8').slice(-1500)}`)
      .join('\n');
  }

  private async startDaemon(name: string): Promise<void> {
    const [kind, id] = name.split('.');
    const out = openSync(this.path('log', `${name}.out`), 'a');
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', `ceph-${kind}`, '-f', '-i', id, '-c', this.conf], {
      stdio: ['ignore', out, out],
    });
    closeSync(out);
    this.daemons.set(name, child);
    child.once('exit', () => {
      if (this.daemons.get(name) === child) this.daemons.delete(name);
    });
  }

  pid(name: string): number | undefined {
    return this.daemons.get(name)?.pid;
  }

  /** Starts a daemon ('osd.1', 'mon.a') that was stopped. Does not wait until it is up in the map. */
  async startOne(name: string): Promise<void> {
    if (!this.daemons.has(name)) await this.startDaemon(name);
  }

  /** Stops a daemon: SIGTERM, or SIGKILL with `kill`; resolves when it is gone. */
  async stopOne(name: string, { kill = false }: { kill?: boolean } = {}): Promise<void> {
    const child = this.daemons.get(name);
    if (child === undefined) return;
    const gone = new Promise<void>(resolve => child.once('exit', () => resolve()));
    child.kill(kill ? 'SIGKILL' : 'SIGTERM');
    await Promise.race([gone, sleep(20_000).then(() => child.kill('SIGKILL'))]);
    await gone;
  }

  /** Waits until the monitor has `count` OSDs up with the addresses of the processes that run now. */
  async waitForOsds(count: number, timeoutMs = 60_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const { stdout, code } = await this.ceph(['osd', 'dump', '-f', 'json']);
      if (code === 0) {
        const { osds } = JSON.parse(stdout.toString()) as {
          osds: { osd: number; up: number; in: number; public_addr: string }[];
        };
        const ready = osds.filter(
          osd => osd.up === 1 && osd.in === 1 && osd.public_addr.endsWith(`/${this.pid(`osd.${osd.osd}`)}`),
        );
        if (ready.length >= count) return;
      }
      if (Date.now() > end)
        throw new Error(`${count} OSDs should be up; the last words:\n${this.lastWords()}`);
      await sleep(200);
    }
  }

  /** Starts whatever was stopped (by a test that failed, say) and waits until the OSDs are up. */
  async recover(): Promise<void> {
    for (const name of this.monNames) await this.startOne(`mon.${name}`);
    for (let i = 0; i < this.options.osds; i++) await this.startOne(`osd.${i}`);
    await this.waitForOsds(this.options.osds);
  }

  /** Runs a program with this cluster's ceph.conf in its environment. Never rejects for an exit code. */
  exec(
    program: string,
    args: readonly string[],
    { input, timeoutMs = 60_000 }: { input?: string | Uint8Array; timeoutMs?: number } = {},
  ): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      const env = { ...process.env, CEPH_CONF: this.conf, CEPH_ARGS: '' };
      const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'], timeout: timeoutMs });
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      child.stdout.on('data', chunk => out.push(chunk));
      child.stderr.on('data', chunk => err.push(chunk));
      child.stdin.on('error', () => {}); // a program that does not read its input closes it
      child.once('error', reject);
      child.once('close', (code, signal) =>
        resolve({
          stdout: Buffer.concat(out),
          stderr: Buffer.concat(err).toString() + (signal === null ? '' : `\nkilled by ${signal}`),
          code: code ?? 128,
        }),
      );
      child.stdin.end(input);
    });
  }

  /** The real `ceph`. */
  ceph(
    args: readonly string[],
    options?: { input?: string | Uint8Array; timeoutMs?: number },
  ): Promise<CommandResult> {
    return this.exec('ceph', ['-c', this.conf, '--connect-timeout', '30', ...args], options);
  }

  /** The real `rados`. */
  rados(
    args: readonly string[],
    options?: { input?: string | Uint8Array; timeoutMs?: number },
  ): Promise<CommandResult> {
    return this.exec('rados', ['-c', this.conf, ...args], options);
  }

  /** Runs a Python 3 program that has `rados` (python3-rados) to import. */
  python(source: string, args: readonly string[] = []): Promise<CommandResult> {
    return this.exec('/usr/bin/python3', ['-c', SHUT_DOWN + source, ...args]);
  }

  async createPool(name: string, pgs = 16, more: readonly string[] = []): Promise<void> {
    const { code, stderr } = await this.ceph([
      'osd',
      'pool',
      'create',
      name,
      String(pgs),
      String(pgs),
      ...more,
    ]);
    if (code !== 0) throw new Error(`osd pool create ${name}: ${stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const names = [...this.daemons.keys()];
    await Promise.all(names.map(name => this.stopOne(name, { kill: true })));
    rmSync(this.dir, { recursive: true, force: true });
  }
}
