import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NacreMount } from '../support/nacre-mount.ts';
import { haveRealGluster, RealGluster } from '../support/real-gluster.ts';

const CONFORMANCE = join(import.meta.dirname, '..', 'support', 'posix-conformance.py');
const VOLUME = 'px3';

/** What only depends on the volume and the kernel: with these the rest need not be asked a second time for ACLs. */
const WITH_ACL = 'acl|permission|mode|xattr|setid|sticky|setgid|access|chmod|chown';

type Verdicts = Map<string, { verdict: string; why: string }>;

/** Runs the checks in a directory of a mount. */
function conformance(dir: string, only: string, perCheck = 40): Promise<Verdicts> {
  return new Promise((resolve, reject) => {
    const args = ['-u', CONFORMANCE, dir, '--only', only, '--limit', String(perCheck)];
    const child = spawn('/usr/bin/python3', args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: 200_000 });
    let said = '';
    child.stdout.on('data', piece => {
      said += piece;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (signal !== null || (code !== 0 && code !== 1)) reject(new Error(`${code ?? signal}: ${said}`));
      const found: Verdicts = new Map();
      for (const [, verdict, name, why = ''] of said.matchAll(/^(pass|FAIL|skip) (\w+)(?:: (.*))?$/gm))
        found.set(name, { verdict, why });
      resolve(found);
    });
  });
}

const passed = (verdicts: Verdicts) =>
  [...verdicts].filter(([, v]) => v.verdict === 'pass').map(([name]) => name);

/** What passes on the real mount and not on ours, with our reason. */
function lost(real: Verdicts, ours: Verdicts): string[] {
  return passed(real)
    .filter(name => ours.get(name)?.verdict !== 'pass')
    .map(name => `${name}: ${ours.get(name)?.why}`);
}

describe.skipIf(!haveRealGluster())('POSIX on a mounted volume, beside the real mount', () => {
  let gluster: RealGluster;

  beforeAll(async () => {
    gluster = await RealGluster.start();
    await gluster.createVolume(VOLUME, { type: 'distribute', bricks: 3 });
  }, 120_000);

  afterAll(async () => {
    await gluster?.[Symbol.asyncDispose]();
  }, 60_000);

  async function bothMounts(options: { real: string[]; ours: string[] }, only: string) {
    const real = await gluster.mount(VOLUME, undefined, options.real);
    await using ours = await NacreMount.start(`${gluster.bind}:/${VOLUME}`, options.ours);
    const byReal = await conformance(real, only);
    const byUs = await conformance(ours.dir, only);
    await gluster.umount(real);
    expect(await ours.umount()).toBe(0);
    return { byReal, byUs };
  }

  it('whatever passes on the real mount passes on ours', { timeout: 300_000 }, async () => {
    const { byReal, byUs } = await bothMounts({ real: [], ours: [] }, '');
    expect(passed(byReal).length).toBeGreaterThan(70);
    expect(lost(byReal, byUs)).toEqual([]);
    // And what the real client gets wrong: an open file that is unlinked and written on, the times of a directory, two modes.
    for (const name of [
      'unlinked_file_stays_usable',
      'times_move',
      'rename_noreplace',
      'fallocate_zeroes_range',
    ])
      expect(byUs.get(name)).toEqual({ verdict: 'pass', why: '' });
  });

  it('so it is with ACLs', { timeout: 200_000 }, async () => {
    const { byReal, byUs } = await bothMounts({ real: ['--acl'], ours: ['acl'] }, WITH_ACL);
    expect(passed(byReal)).toContain('acls');
    expect(lost(byReal, byUs)).toEqual([]);
  });
});
