#!/usr/bin/env node
// `mount.nacre`: what mount(8) calls for `mount -t nacre SPEC DIR -o OPTIONS`, and what /etc/fstab's type nacre leads to.
// Put a link to it at /sbin/mount.nacre. Its arguments: SPEC DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE].
import { runCommand } from './commands.ts';
import { failed } from './shared/errors.ts';

const [spec, directory, ...rest] = process.argv.slice(2);
const args: string[] = [];
let pretend = false;
for (let i = 0; i < rest.length; i++) {
  const word = rest[i];
  if (word === '-o') args.push('-o', rest[++i] ?? '');
  else if (word === '-t' || word === '-N') i++;
  else if (/^-[a-z]*f[a-z]*$/.test(word)) pretend = true;
}
if (spec === undefined || directory === undefined) {
  process.stderr.write('usage: mount.nacre SERVER:/VOLUME DIRECTORY [-o OPTIONS]\n');
  process.exitCode = 1;
} else if (!pretend) {
  try {
    await runCommand('mount', [spec, directory, ...args]);
  } catch (error) {
    process.exitCode = failed('mount.nacre', error);
  }
}
