import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether NBD clients of others are installed. With CI=true their absence is a failure, not a skip. */
export function haveNbdTools(): boolean {
  const tools = [
    'nbdinfo',
    'nbdcopy',
    'qemu-img',
    'qemu-io',
    'qemu-nbd',
    'fio',
    'openssl',
    'mke2fs',
    'e2fsck',
  ];
  const missing = tools.filter(tool => spawnSync('which', [tool]).status !== 0);
  if (spawnSync('/usr/bin/python3', ['-c', 'import nbd']).status !== 0) missing.push('python3-libnbd');
  if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(`missing: ${missing.join(' ')}`);
  return missing.length === 0;
}

/** Whether an export can be mounted without the kernel's NBD driver. */
export function haveFuseTools(): boolean {
  const missing = ['nbdfuse', 'fuse2fs', 'fusermount3'].filter(
    tool => spawnSync('which', [tool]).status !== 0,
  );
  if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(`missing: ${missing.join(' ')}`);
  return missing.length === 0 && existsSync('/dev/fuse');
}

export interface ToolResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program without keeping this process from serving it. */
export function tool(program: string, args: readonly string[], timeoutMs = 60_000): Promise<ToolResult> {
  return new Promise(resolve => {
    execFile(program, [...args], { maxBuffer: 64 << 20, timeout: timeoutMs }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
      resolve({ code, stdout, stderr });
    });
  });
}

/** The same; throws with what it printed unless it ends with 0. */
export async function toolOk(program: string, args: readonly string[], timeoutMs?: number): Promise<string> {
  const { code, stdout, stderr } = await tool(program, args, timeoutMs);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${code}\n${stdout}\n${stderr}`);
  return stdout;
}

/** A script for libnbd, which has it as `nbd`; prints what the script prints. */
export function libnbd(script: string): Promise<string> {
  return toolOk('/usr/bin/python3', ['-c', `import nbd, errno\n${script}`]);
}

/** An authority, and certificates that it gave a server at localhost and a client, as libnbd and qemu name them. */
export async function makeCertificates(dir: string): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const at = (name: string) => join(dir, name);
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await toolOk('openssl', [
    ...['req', '-x509', ...ec, '-days', '3650', '-subj', '/CN=authority'],
    ...['-keyout', at('ca-key.pem'), '-out', at('ca-cert.pem')],
  ]);
  for (const who of ['server', 'client']) {
    await toolOk('openssl', [
      ...['req', ...ec, '-subj', `/CN=${who}`, '-keyout', at(`${who}-key.pem`), '-out', at(`${who}.csr`)],
    ]);
    writeFileSync(
      at(`${who}.ext`),
      `subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=${who}Auth\nkeyUsage=digitalSignature\n`,
    );
    await toolOk('openssl', [
      ...['x509', '-req', '-in', at(`${who}.csr`), '-CA', at('ca-cert.pem'), '-CAkey', at('ca-key.pem')],
      ...['-CAcreateserial', '-days', '3650', '-extfile', at(`${who}.ext`), '-out', at(`${who}-cert.pem`)],
    ]);
  }
}
