import { adminSocketCommand } from '../../base/admin-socket-client.ts';
import { createContext } from '../../base/context.ts';
import { NacreError } from '../../base/errors.ts';
import { formatJson } from '../../base/format.ts';
import { nodeEnv } from '../../env/node.ts';
import { matchCommand } from './match.ts';
import { parseDescriptions } from './signatures.ts';

const EINVAL = 22;

/** Where the admin socket of a daemon is: a path as it is, a name such as osd.1 by its configuration. */
async function socketPath(where: string, config: readonly string[]): Promise<string> {
  if (where.includes('/')) return where;
  // Whose configuration it is comes last, so it beats our own name.
  await using context = createContext({
    env: nodeEnv,
    kind: 'daemon',
    args: [...config, '--name', where],
  });
  const path = context.config.get('admin_socket');
  if (path === '') throw new NacreError('ENOENT', 'daemon', `no admin socket is configured for ${where}`);
  return path;
}

/** Sends a command to a daemon's admin socket and prints the answer. Resolves to the exit code. */
export async function daemonCommand(
  where: string,
  words: readonly string[],
  config: readonly string[],
): Promise<number> {
  try {
    const path = await socketPath(where, config);
    const descriptions = await adminSocketCommand(nodeEnv, path, { prefix: 'get_command_descriptions' });
    const matched = matchCommand(words, parseDescriptions(descriptions.toString()));
    if ('problem' in matched) {
      for (const line of matched.problem) process.stderr.write(`${line}\n`);
      process.stderr.write('admin_socket: invalid command\n');
      return EINVAL;
    }
    const answer = await adminSocketCommand(nodeEnv, path, formatJson(matched.args));
    process.stdout.write(answer);
    if (answer.length > 0 && answer[answer.length - 1] !== 0x0a) process.stdout.write('\n');
    return 0;
  } catch (error) {
    if (!(error instanceof NacreError)) throw error;
    process.stderr.write(`admin_socket: exception getting command descriptions: ${error.message}\n`);
    return EINVAL;
  }
}
