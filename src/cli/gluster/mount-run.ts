import { spawn } from 'node:child_process';
import { appendFileSync, createWriteStream, openSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { tracing } from '../../base/trace.ts';
import {
  type FuseMountOptions as KernelOptions,
  parseMountWords,
  unmountOnSignals,
} from '../../fuse/index.ts';
import { LineLog, parseLogLevel } from '../../gluster/graph/log.ts';
import { GLUSTERD_PORT, volumeSpec } from '../../gluster/volume/spec.ts';
import { Volume } from '../../gluster/volume/volume.ts';
import { CliError, errorText } from '../shared/errors.ts';
import { giveMemoryBackWhenIdle } from './idle-memory.ts';
import { type ParsedMountOptions, parseMountOptions } from './mount-options.ts';

interface MountFlags {
  readonly o: readonly string[];
  readonly foreground?: boolean;
  readonly verbose?: boolean;
}

/** Where a mount in the background tells its starter how it went: a descriptor's number. */
const READY_FD = 'NACRE_MOUNT_READY_FD';

/** Mounts in a process of its own that stays, or here with --foreground (and when somebody watches). */
export async function mountCommandLine(volume: string, directory: string, flags: MountFlags): Promise<void> {
  const options = parseMountOptions(flags.o);
  const ready = process.env[READY_FD];
  if (ready !== undefined) await serveInBackground(volume, directory, options, Number(ready));
  else if (flags.foreground === true || tracing()) await serve(volume, directory, options, () => {});
  else await startInBackground(volume, directory, flags);
}

/** Starts the process that serves the mount; returns when it is mounted. */
function startInBackground(volume: string, directory: string, flags: MountFlags): Promise<void> {
  const program = process.argv[1];
  // mount.nacre has no subcommands.
  const verb = /^mount[.-]/.test(basename(program)) ? [] : ['mount'];
  const args = [...process.execArgv, program, ...verb, volume, directory, ...flags.o.flatMap(o => ['-o', o])];
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: { ...process.env, [READY_FD]: '3' },
  });
  return new Promise((resolve, reject) => {
    let said = '';
    child.stdio[3]!.on('data', piece => {
      said += piece;
    });
    child.once('error', reject);
    child.stdio[3]!.once('close', () => {
      child.unref();
      if (said === 'mounted\n') resolve();
      else
        reject(
          new CliError(
            said.trim() ||
              `Mount failed: the process that serves it ended (${child.exitCode ?? child.signalCode})`,
          ),
        );
    });
  });
}

async function serveInBackground(
  volume: string,
  directory: string,
  options: ParsedMountOptions,
  fd: number,
): Promise<void> {
  const channel = createWriteStream('', { fd });
  try {
    await serve(volume, directory, options, () => channel.end('mounted\n'));
  } catch (error) {
    await new Promise<void>(resolve =>
      channel.end(`Mount failed: ${errorText(error)}: ${(error as Error).message}\n`, () => resolve()),
    );
    process.exitCode = 1;
  }
}

/** Mounts, and returns when it was unmounted. */
async function serve(
  text: string,
  directory: string,
  options: ParsedMountOptions,
  mounted: () => void,
): Promise<void> {
  const port = options.serverPort ?? GLUSTERD_PORT;
  const spec =
    options.volfile === undefined ? volumeSpec(text, port) : { servers: [], volume: text, path: '/' };
  const level = parseLogLevel(options.logLevel ?? 'INFO');
  if (level === undefined) throw new CliError(`no log level '${options.logLevel}'`, 1);
  const { logFile } = options;
  const log = new LineLog(
    () => Date.now(),
    line => {
      if (logFile !== undefined) appendFileSync(logFile, `${line}\n`);
      else if (process.stderr.isTTY || options.logLevel !== undefined) process.stderr.write(`${line}\n`);
    },
    level,
  );
  const kernel: KernelOptions = {};
  const unknown = parseMountWords(options.kernel, kernel);
  if (unknown.length > 0) log.log('W', 'mount', `options without meaning here: ${unknown.join(',')}`);
  await using volume = await Volume.open(spec.volume, {
    servers: [...spec.servers, ...options.backupServers.map(host => ({ host, port }))],
    volfile: options.volfile === undefined ? undefined : readFileSync(options.volfile, 'utf8'),
    subdirectory: spec.path === '/' ? undefined : spec.path,
    acl: options.fuse.acl,
    xlatorOptions: options.xlatorOptions,
    lruLimit: options.fuse.lruLimit,
    log,
  });
  const dump = options.dumpFuse === undefined ? undefined : openSync(options.dumpFuse, 'a');
  const mount = await volume.mount(directory, {
    fuse: options.fuse,
    kernel: { fsname: text, subtype: 'nacre', ...kernel },
    dump: dump === undefined ? undefined : line => appendFileSync(dump, `${line}\n`),
    onError: error =>
      log.log('E', 'fuse', error instanceof Error ? (error.stack ?? error.message) : String(error)),
  });
  unmountOnSignals(mount.fuse, signal => log.log('I', 'mount', `unmounting on ${signal}`));
  const dumpState = () => {
    const file = join('/var/run/gluster', `glusterdump.${process.pid}.dump.${Math.floor(Date.now() / 1000)}`);
    try {
      writeFileSync(file, volume.statedump());
    } catch {
      writeFileSync(
        join(process.env['TMPDIR'] ?? '/tmp', file.slice(file.lastIndexOf('/') + 1)),
        volume.statedump(),
      );
    }
  };
  process.on('SIGUSR1', dumpState);
  using _memory = giveMemoryBackWhenIdle();
  mounted();
  await mount.closed;
  process.off('SIGUSR1', dumpState);
}
