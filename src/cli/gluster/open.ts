import { readFileSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { LineLog, parseLogLevel } from '../../gluster/graph/log.ts';
import { parseVolumeSpec, type VolumeSpec } from '../../gluster/volume/spec.ts';
import { Volume, type VolumeOptions } from '../../gluster/volume/volume.ts';
import { CliError } from '../shared/errors.ts';

/** Options that every `nacre gluster` command takes. */
export interface VolumeFlags {
  readonly volfile?: string;
  readonly serverPort?: number;
  readonly xlatorOption?: readonly string[];
  readonly logLevel?: string;
  readonly timeout?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
}

function whole(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new CliError(`'${text}' is no whole number`, 2);
  return Number(text);
}

export function withVolumeFlags(command: Command): Command {
  return command
    .option('--volfile <file>', 'the volfile, in place of one from a server')
    .option('--server-port <n>', 'port of glusterd', whole)
    .option(
      '--xlator-option <x.o=v>',
      'set an option of a layer; can be given several times',
      (text, before: string[]) => [...before, text],
      [],
    )
    .option('--log-level <level>', "layers' messages on standard error: ERROR, WARNING, INFO, DEBUG, TRACE")
    .option('--timeout <seconds>', 'how long to wait for the volume', whole)
    .option('--uid <n>', 'on whose behalf', whole)
    .option('--gid <n>', 'on whose behalf', whole);
}

/**
 * 'SERVER:/VOLUME/path', or with --volfile just a path. Undefined when it names a file of this machine: one that begins with a dot, and
 * without --volfile anything that names no server.
 */
export function volumePath(text: string, flags: VolumeFlags): VolumeSpec | undefined {
  if (flags.volfile !== undefined) {
    if (/^\.{1,2}(\/|$)/.test(text)) return undefined;
    return { servers: [], volume: 'volfile', path: text.startsWith('/') ? text : `/${text}` };
  }
  // A path that cannot be anything else is none of a volume.
  return /^[./]/.test(text) ? undefined : parseVolumeSpec(text, flags.serverPort);
}

export function wantVolumePath(text: string, flags: VolumeFlags): VolumeSpec {
  const spec = volumePath(text, flags);
  if (spec === undefined) throw new CliError(`'${text}': SERVER:/VOLUME[/PATH] is wanted`, 2);
  return spec;
}

export function volumeOptions(flags: VolumeFlags): VolumeOptions {
  const level = flags.logLevel === undefined ? undefined : parseLogLevel(flags.logLevel);
  if (flags.logLevel !== undefined && level === undefined)
    throw new CliError(`no log level '${flags.logLevel}'`, 2);
  return {
    volfile: flags.volfile === undefined ? undefined : readFileSync(flags.volfile, 'utf8'),
    xlatorOptions: xlatorOptions(flags.xlatorOption ?? []),
    log:
      level === undefined
        ? undefined
        : new LineLog(
            () => Date.now(),
            line => process.stderr.write(`${line}\n`),
            level,
          ),
    timeout: flags.timeout === undefined ? undefined : flags.timeout * 1000,
    uid: flags.uid,
    gid: flags.gid,
  };
}

export function openVolume(spec: VolumeSpec, flags: VolumeFlags): Promise<Volume> {
  return Volume.open(spec.volume, { ...volumeOptions(flags), servers: spec.servers });
}

function xlatorOptions(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map(text => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
      if (name === undefined)
        throw new CliError(`--xlator-option '${text}': LAYER.OPTION=VALUE is wanted`, 2);
      return [name, value];
    }),
  );
}

/** Whether a path of this machine is a directory. */
export function isLocalDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
