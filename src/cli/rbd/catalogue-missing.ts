import { NacreError } from '../../base/errors.ts';
import type { VerbSpec } from './catalogue-parts.ts';

const ANYTHING: VerbSpec['words'] = [
  { name: 'arguments', description: 'not supported', optional: true, many: true },
];

/** Verbs of a family that we do not have, and what is missing for them. */
function missing(what: string, names: readonly string[]): VerbSpec[] {
  return names.map(each => {
    const [name, alias] = each.split('|');
    return {
      name,
      alias,
      description: `Not supported: ${what}.`,
      words: ANYTHING,
      options: [],
      features: false,
      load: async () => {
        throw new NacreError('ENOTSUP', `rbd ${name}`, what);
      },
    };
  });
}

/** What the original has and we do not. */
export const MISSING: readonly VerbSpec[] = [
  ...missing("the kernel's devices; 'nacre rbd nbd' serves images over NBD", [
    'device attach',
    'device detach',
    'device list|showmapped',
    'device map|map',
    'device unmap|unmap',
  ]),
  ...missing('encryption of images', ['encryption format']),
  ...missing('groups of images', [
    'group create',
    'group image add',
    'group image list|group image ls',
    'group image remove|group image rm',
    'group list|group ls',
    'group remove|group rm',
    'group rename',
    'group snap create',
    'group snap list|group snap ls',
    'group snap remove|group snap rm',
    'group snap rename',
    'group snap rollback',
  ]),
  ...missing('journaling', [
    'journal client disconnect',
    'journal export',
    'journal import',
    'journal info',
    'journal inspect',
    'journal reset',
    'journal status',
  ]),
  ...missing('migration of images', [
    'migration abort',
    'migration commit',
    'migration execute',
    'migration prepare',
  ]),
  ...missing('mirroring', [
    'mirror image demote',
    'mirror image disable',
    'mirror image enable',
    'mirror image promote',
    'mirror image resync',
    'mirror image snapshot',
    'mirror image status',
    'mirror pool demote',
    'mirror pool disable',
    'mirror pool enable',
    'mirror pool info',
    'mirror pool peer add',
    'mirror pool peer bootstrap create',
    'mirror pool peer bootstrap import',
    'mirror pool peer remove',
    'mirror pool peer set',
    'mirror pool promote',
    'mirror pool status',
    'mirror snapshot schedule add',
    'mirror snapshot schedule list|mirror snapshot schedule ls',
    'mirror snapshot schedule remove|mirror snapshot schedule rm',
    'mirror snapshot schedule status',
  ]),
  ...missing("the manager's statistics of images", ['perf image iostat', 'perf image iotop']),
  ...missing('the persistent cache', ['persistent-cache flush', 'persistent-cache invalidate']),
  ...missing("the manager's schedules of trash purges", [
    'trash purge schedule add',
    'trash purge schedule list|trash purge schedule ls',
    'trash purge schedule remove|trash purge schedule rm',
    'trash purge schedule status',
  ]),
];
