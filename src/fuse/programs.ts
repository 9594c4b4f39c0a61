import { spawn } from 'node:child_process';
import { NacreError } from '../base/errors.ts';

/** libfuse's setuid helper; the variable is libfuse's own. */
export function fusermount(): string {
  return process.env['FUSERMOUNT_PROG'] ?? 'fusermount3';
}

/** Runs a command; a failure carries what it said. */
export function run(
  command: string,
  args: readonly string[],
  stdio: readonly ('ignore' | 'pipe' | number)[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: [...stdio], env: { ...env, LC_ALL: 'C' } });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      if (said.length < 4096) said += chunk.toString();
    });
    child.on('error', error => {
      const { code } = error as NodeJS.ErrnoException;
      reject(new NacreError(code ?? 'EIO', 'fuse.mount', `${command} cannot be run`, { cause: error }));
    });
    child.on('close', status => {
      if (status === 0) resolve();
      else
        reject(new NacreError(codeOf(said), 'fuse.mount', `${command}: ${said.trim() || `exit ${status}`}`));
    });
  });
}

/** These programs tell their errno in words only. */
function codeOf(said: string): string {
  if (/busy/i.test(said)) return 'EBUSY';
  if (/not permitted/i.test(said)) return 'EPERM';
  if (/permission|not allowed|user has no write access/i.test(said)) return 'EACCES';
  if (/no such file|does not exist/i.test(said)) return 'ENOENT';
  if (/not (found in|mounted)|invalid argument|entry for/i.test(said)) return 'EINVAL';
  return 'EIO';
}
