import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { SUBSYS_RBD } from '../../base/log.ts';
import { OPERATION_FULL_TRY, Rados } from '../../ceph/rados/index.ts';
import { type Image, Rbd } from '../../ceph/rbd/index.ts';
import {
  ImageDevice,
  type ListenAddress,
  NbdServer,
  type NbdTlsOptions,
  parsePskFile,
} from '../../gateway/nbd/index.ts';
import { splitCephArgs } from '../shared/ceph-args.ts';
import { openContext } from '../shared/context.ts';
import { CliError, errorText } from '../shared/errors.ts';

/** Arguments of ours that Ceph's programs have a meaning for, too. */
const OWN_ARGUMENTS = ['--pid-file', '--pid_file'];
const DEFAULT_PORT = 10809;

interface NbdOptions {
  readonly listen?: { host: string; port: number };
  readonly socket?: string;
  readonly readOnly?: boolean;
  readonly abortOnFull?: boolean;
  readonly exportName?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
  readonly tlsPsk?: string;
  readonly maxConnections: number;
  readonly persistent?: boolean;
  readonly pidFile?: string;
  readonly verbose?: boolean;
}

function address(text: string): { host: string; port: number } {
  const m = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text);
  const port = Number(m?.[3] ?? DEFAULT_PORT);
  if (m === null || port > 65535) throw new InvalidArgumentError('HOST, HOST:PORT or [IPV6]:PORT is wanted');
  return { host: m[1] ?? (m[2] === '' ? '0.0.0.0' : m[2]), port };
}

function count(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('a whole number from 1 is wanted');
  return Number(text);
}

interface Spec {
  readonly pool: string | undefined;
  readonly namespace: string;
  readonly image: string;
  readonly snapshot: string | undefined;
}

/** [pool/[namespace/]]image[@snap] */
function parseSpec(text: string): Spec {
  const m = /^(?:([^/@]+)\/)?(?:([^/@]*)\/)?([^/@]+)(?:@([^/@]+))?$/.exec(text);
  if (m === null) throw new CliError(`nbd: '${text}' is not [pool/[namespace/]]image[@snap]`);
  return { pool: m[1], namespace: m[2] ?? '', image: m[3], snapshot: m[4] };
}

function tlsOf({ tlsCert, tlsKey, tlsCa, tlsPsk }: NbdOptions): NbdTlsOptions | undefined {
  const file = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path));
  if (tlsCert === undefined && tlsKey === undefined && tlsCa === undefined && tlsPsk === undefined)
    return undefined;
  return {
    cert: file(tlsCert),
    key: file(tlsKey),
    ca: file(tlsCa),
    psk: tlsPsk === undefined ? undefined : parsePskFile(readFileSync(tlsPsk, 'utf8')),
  };
}

async function openImages(
  cluster: Rados,
  specs: readonly string[],
  { readOnly = false, abortOnFull = false }: NbdOptions,
): Promise<Image[]> {
  const flags = abortOnFull ? OPERATION_FULL_TRY : 0;
  const images: Image[] = [];
  try {
    for (const text of specs) {
      const { pool, namespace, image, snapshot } = parseSpec(text);
      const io = await cluster.openPool(pool ?? cluster.context.config.get('rbd_default_pool'), {
        namespace,
        flags,
      });
      const rbd = new Rbd(cluster, io);
      images.push(await rbd.open(image, { snapshot, readOnly: readOnly || snapshot !== undefined }));
    }
    return images;
  } catch (error) {
    await closeAll(images);
    throw error;
  }
}

async function closeAll(images: readonly Image[]): Promise<void> {
  const results = await Promise.allSettled(images.map(image => image.close()));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** Until a signal comes, or the last client has gone. A second signal ends the process at once. */
function untilStopped(server: NbdServer, persistent: boolean): Promise<void> {
  return new Promise(resolve => {
    let stopping = false;
    const stop = () => {
      if (stopping) process.exit(1);
      stopping = true;
      resolve();
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    if (!persistent) server.onIdle = resolve;
  });
}

async function serve(
  config: readonly string[],
  specs: readonly string[],
  options: NbdOptions,
): Promise<void> {
  if (options.exportName !== undefined && specs.length !== 1)
    throw new CliError('nbd: --export-name goes with one image');
  await using context = await openContext({ args: config });
  const cluster = await Rados.connect({ context });
  let images: Image[] = [];
  try {
    images = await openImages(cluster, specs, options);
    const names = specs.map(spec => options.exportName ?? spec);
    await using server = new NbdServer({
      exports: images.map((image, i) => ({
        name: names[i],
        device: new ImageDevice(image, `RBD image ${specs[i]}`),
      })),
      tls: tlsOf(options),
      maxConnections: options.maxConnections,
      log: message => {
        context.log.write(SUBSYS_RBD, 5, `nbd: ${message}`);
        if (options.verbose) process.stderr.write(`${message}\n`);
      },
    });
    const at: ListenAddress[] = [];
    if (options.socket !== undefined) at.push({ path: options.socket });
    if (options.listen !== undefined || options.socket === undefined)
      at.push(options.listen ?? { host: '127.0.0.1', port: DEFAULT_PORT });
    const stopped = untilStopped(server, options.persistent === true);
    for (const each of at) await server.listen(each);
    for (const name of names) for (const uri of server.urisOf(name)) process.stdout.write(`${uri}\n`);
    if (options.pidFile !== undefined) writeFileSync(options.pidFile, `${process.pid}\n`);
    try {
      await stopped;
      await server.close();
    } finally {
      if (options.pidFile !== undefined) rmSync(options.pidFile, { force: true });
    }
  } finally {
    await closeAll(images);
    await cluster.close();
  }
}

/** `nacre rbd nbd`: images as disks for any NBD client. */
export function nbdCommand(): Command {
  const command = new Command('nacre rbd nbd')
    .description('serve images and snapshots to NBD clients until interrupted')
    .argument('<image-spec...>', '[pool/[namespace/]]image[@snap]; snapshots are read-only')
    .option('--listen <host:port>', `listen there; 127.0.0.1:${DEFAULT_PORT} without --socket`, address)
    .option('--socket <path>', 'listen at a unix socket')
    .option('--read-only', 'refuse writes')
    .option('--abort-on-full', 'fail writes with ENOSPC while the pool is full, instead of waiting for space')
    .option('--export-name <name>', 'name of the export; the image-spec by default')
    .option('--tls-cert <file>', 'certificate; clients must use TLS then')
    .option('--tls-key <file>', 'its private key')
    .option('--tls-ca <file>', 'clients must show a certificate that one of these vouches for')
    .option('--tls-psk <file>', 'instead of certificates: keys shared beforehand, IDENTITY:HEXKEY a line')
    .option('--max-connections <n>', 'clients at a time', count, 64)
    .option('--persistent', 'go on when the last client has gone')
    .option('--pid-file <file>', 'write the process id there once clients can connect')
    .option('--verbose', 'tell of clients on standard error')
    .addHelpText(
      'after',
      `
The default export (an empty name) is the first image. Configuration (-c, -n, --id, -m ...) may stand anywhere.

Examples:
  nacre rbd nbd rbd/disk --socket /run/disk.sock --persistent
  nacre rbd nbd rbd/disk rbd/disk@monday --listen 0.0.0.0:10809 --tls-cert cert.pem --tls-key key.pem
  qemu-img convert nbd://127.0.0.1/rbd/disk disk.qcow2 -O qcow2`,
    );
  const parse = command.parseAsync.bind(command);
  let config: readonly string[] = [];
  command.parseAsync = (argv, options) => {
    const args = (options?.from ?? 'node') === 'user' ? (argv ?? []) : (argv ?? process.argv).slice(2);
    // '--pid-file=x' has to be taken apart first: what is kept is known by its name alone.
    const apart = args.flatMap(arg => {
      const name = OWN_ARGUMENTS.find(each => arg.startsWith(`${each}=`));
      return name === undefined ? [arg] : [name, arg.slice(name.length + 1)];
    });
    const split = splitCephArgs(apart, OWN_ARGUMENTS);
    config = split.config;
    return parse([...split.rest], { from: 'user' });
  };
  return command.action(async (specs: string[], options: NbdOptions) => {
    try {
      await serve(config, specs, options);
    } catch (error) {
      if (error instanceof CliError) throw error;
      const detail = error instanceof Error ? ` (${error.message})` : '';
      throw new CliError(`nbd: ${errorText(error)}${detail}`);
    }
  });
}
