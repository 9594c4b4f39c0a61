import { errnoText } from './errno.ts';
import { NacreError } from './errors.ts';
import { formatJson } from './format.ts';

/** Arguments of a command by name, as its description types them. */
export type AdminArgs = Readonly<Record<string, unknown>>;

/**
 * Answers a command. A string or bytes go out as they are, anything else as JSON. What it throws is reported to the
 * caller with its errno.
 */
export type AdminHandler = (args: AdminArgs) => unknown;

/** One word of a command, or one argument (common/cmdparse.h: 'name=var,type=CephString,req=false,n=N'). */
export type SignaturePart = string | Readonly<Record<string, string>>;

export interface AdminCommand {
  /** The words that name it: 'perf dump'. */
  readonly prefix: string;
  readonly signature: readonly SignaturePart[];
  /** Empty for commands that 'help' does not list. */
  readonly help: string;
  readonly handler: AdminHandler;
}

/** 'perf dump name=logger,type=CephString,req=false' -> words and arguments. */
export function parseSignature(description: string): SignaturePart[] {
  return description
    .split(/\s+/)
    .filter(word => word !== '')
    .map(word => {
      if (!word.includes('=')) return word;
      return Object.fromEntries(
        word.split(',').map(part => {
          const equals = part.indexOf('=');
          return equals < 0 ? [part, 'true'] : [part.slice(0, equals), part.slice(equals + 1)];
        }),
      );
    });
}

/** Commands that the admin socket answers; each layer registers its own. */
export class AdminRegistry {
  /** By prefix; the first answers, those behind it take over when it goes. */
  private readonly commands = new Map<string, AdminCommand[]>();

  /**
   * Adds a command until disposed. `description` is Ceph's form: words, then arguments. Of several of one name, as
   * two clients in one program register them, the oldest answers.
   */
  register(description: string, help: string, handler: AdminHandler): Disposable {
    const signature = parseSignature(description);
    const prefix = signature.filter(part => typeof part === 'string').join(' ');
    const command: AdminCommand = { prefix, signature, help, handler };
    const same = this.commands.get(prefix);
    if (same === undefined) this.commands.set(prefix, [command]);
    else same.push(command);
    return { [Symbol.dispose]: () => this.remove(command) };
  }

  private remove(command: AdminCommand): void {
    const left = this.commands.get(command.prefix)?.filter(each => each !== command) ?? [];
    if (left.length === 0) this.commands.delete(command.prefix);
    else this.commands.set(command.prefix, left);
  }

  /** By name. */
  *list(): Generator<AdminCommand> {
    for (const prefix of [...this.commands.keys()].sort()) yield this.commands.get(prefix)![0];
  }

  /** Splits a command line at blanks and finds the command with the most words. */
  private match(text: string): { command: AdminCommand; words: string[] } | undefined {
    const words = text.split(/\s+/).filter(word => word !== '');
    for (let n = words.length; n > 0; n--) {
      const command = this.commands.get(words.slice(0, n).join(' '))?.[0];
      if (command !== undefined) return { command, words: words.slice(n) };
    }
    return undefined;
  }

  /**
   * Runs one request: '{"prefix": "perf dump", "logger": "objecter"}', or plain words. Resolves to the answer; errors
   * are part of it, as the protocol has no other place for them ("ERROR: (2) No such file or directory ...").
   */
  async execute(request: string): Promise<Buffer> {
    try {
      const { command, args } = this.parse(request);
      const result = await command.handler(args);
      if (result instanceof Uint8Array) return Buffer.from(result);
      if (typeof result === 'string') return Buffer.from(result);
      const format = args['format'];
      return Buffer.from(
        format === 'json' ? formatJson(result ?? {}) : `${formatJson(result ?? {}, true)}\n`,
      );
    } catch (error) {
      const known = error instanceof NacreError ? error : undefined;
      const errno = Math.abs(known?.errno ?? 5);
      const text = error instanceof Error ? error.message : String(error);
      return Buffer.from(`ERROR: (${errno}) ${errnoText(errno)}\n${text}\n`);
    }
  }

  private parse(request: string): { command: AdminCommand; args: Record<string, unknown> } {
    const args: Record<string, unknown> = {};
    let text = request.trim();
    if (text.startsWith('{')) {
      let json: unknown;
      try {
        json = JSON.parse(text);
      } catch (error) {
        throw new NacreError('EINVAL', 'admin_socket', 'the request is no JSON', { cause: error });
      }
      Object.assign(args, json);
      text = typeof args['prefix'] === 'string' ? args['prefix'] : '';
    }
    const found = this.match(text);
    if (found === undefined) throw new NacreError('EINVAL', 'admin_socket', `unknown command '${text}'`);
    assign(found.command, found.words, args);
    return { command: found.command, args };
  }
}

/** Gives words that follow a command to its arguments in order, and checks that what is required is there. */
function assign(command: AdminCommand, words: string[], args: Record<string, unknown>): void {
  const left = [...words];
  for (const part of command.signature) {
    if (typeof part === 'string') continue;
    const name = part['name'];
    if (args[name] === undefined && left.length > 0)
      args[name] = part['n'] === 'N' ? left.splice(0, left.length) : left.shift();
    if (args[name] === undefined && part['req'] !== 'false')
      throw new NacreError('EINVAL', 'admin_socket', `command '${command.prefix}' needs ${name}`);
    if (part['n'] === 'N' && args[name] !== undefined && !Array.isArray(args[name]))
      args[name] = [args[name]];
  }
}
