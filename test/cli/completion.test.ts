import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { NACRE } from '../support/nacre.ts';

function nacre(...args: string[]): string {
  return execFileSync(process.execPath, [...NACRE, ...args], {
    encoding: 'utf8',
  });
}

/** Candidates, without their descriptions and the directive at the end. */
function candidates(...words: string[]): string[] {
  const lines = nacre('complete', '--', ...words)
    .trimEnd()
    .split('\n');
  expect(lines.at(-1)).toMatch(/^:\d+$/);
  return lines.slice(0, -1).map(line => line.split('\t')[0]);
}

describe('nacre completion', () => {
  it.each(['bash', 'zsh', 'fish'])('prints a script for %s that asks nacre', shell => {
    const script = nacre('completion', shell);
    expect(script).toContain('nacre');
    expect(script).toContain('complete --');
  });

  it('prints a script that bash understands', () => {
    execFileSync('bash', ['-n'], { input: nacre('completion', 'bash') });
  });

  it('offers subcommands, and what follows them', () => {
    expect(candidates('')).toEqual(
      expect.arrayContaining(['rados', 'ceph', 'trace', 'vstart', 'completion']),
    );
    expect(candidates('co')).toEqual(['completion']);
    expect(candidates('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(candidates('trace', 'comp')).toEqual(['completion']);
    expect(candidates('trace', '--otlp', 'http://x', '--json', 'completion', 'f')).toEqual(['fish']);
  });

  it('offers options of a subcommand', () => {
    expect(candidates('trace', '--')).toEqual(expect.arrayContaining(['--json', '--otlp', '--min-ms']));
  });
});
