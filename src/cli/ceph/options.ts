import { Command, Option } from 'commander';

const FORMATS = ['plain', 'json', 'json-pretty', 'xml', 'xml-pretty', 'yaml'];

/** What the options come to. */
export interface CephOptions {
  readonly help?: boolean;
  readonly inFile?: string;
  readonly outFile?: string;
  readonly status?: boolean;
  readonly watch?: boolean;
  readonly watchDebug?: boolean;
  readonly watchInfo?: boolean;
  readonly watchSec?: boolean;
  readonly watchWarn?: boolean;
  readonly watchError?: boolean;
  readonly watchChannel?: string;
  readonly version?: boolean;
  readonly format?: string;
  /** Seconds. */
  readonly connectTimeout?: number;
  readonly adminDaemon?: string;
  /** Seconds between polls. */
  readonly period: number;
}

export function addOptions(command: Command): Command {
  return command
    .option('-i, --in-file <file>', 'what the command reads; - is standard input')
    .option('-o, --out-file <file>', 'where its output goes; - is standard output')
    .option('-s, --status', 'show the status of the cluster')
    .option('-w, --watch', "show the cluster's log as it is written")
    .option('--watch-debug', 'the same with debug lines')
    .option('--watch-info', 'the same from information on')
    .option('--watch-sec', 'the same from security on')
    .option('--watch-warn', 'the same from warnings on')
    .option('--watch-error', 'the same, errors only')
    .option('-W, --watch-channel <name>', "which log: cluster, audit, or '*' for all")
    .addOption(new Option('-f, --format <format>', 'of the output').choices(FORMATS))
    .option('--connect-timeout <seconds>', 'give up connecting after this', Number)
    .option('--admin-daemon <path>', 'send the command to an admin socket')
    .option('-p, --period <seconds>', 'between repetitions of commands that poll', Number, 1);
}

/** Words and options of a command line; options that are not ours belong to the command. */
export function parseCephArgs(args: readonly string[]): { options: CephOptions; words: string[] } {
  const command = addOptions(new Command('ceph'))
    .argument('[words...]')
    .helpOption(false)
    .helpCommand(false)
    .option('-h, --help', 'commands')
    .option('-v, --version', 'version')
    .allowUnknownOption()
    .exitOverride()
    .configureOutput({ outputError: text => process.stderr.write(text.replace(/^error: /, 'ceph: ')) });
  command.parse([...args], { from: 'user' });
  return { options: command.opts<CephOptions>(), words: [...command.args] };
}
