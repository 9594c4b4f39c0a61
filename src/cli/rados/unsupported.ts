import { NacreError } from '../../base/errors.ts';
import type { Verb } from './session.ts';

function missing(name: string, args: string, what: string): Verb {
  return {
    name,
    args,
    description: 'not supported',
    min: 0,
    pool: false,
    run: async () => {
      throw new NacreError('ENOTSUP', `rados ${name}`, what);
    },
  };
}

/** What the original has and we do not. */
export const OTHER_VERBS: readonly Verb[] = [
  missing('load-gen', '', 'no generated load; bench writes and reads objects of one size'),
  missing('set-redirect', '<obj>', 'objects cannot be redirected by this client'),
  missing('set-chunk', '<obj>', 'objects cannot be made of chunks by this client'),
  missing('tier-flush', '<obj>', 'chunked objects cannot be flushed by this client'),
  missing('tier-evict', '<obj>', 'chunked objects cannot be evicted by this client'),
  missing(
    'list-inconsistent-obj',
    '<pgid>',
    "what scrubs found in objects cannot be read; see 'ceph pg query'",
  ),
  missing(
    'list-inconsistent-snapset',
    '<pgid>',
    "what scrubs found in snapshots cannot be read; see 'ceph pg query'",
  ),
];
