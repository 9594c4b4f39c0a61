import type { AuthKind } from './cluster.ts';

export interface ConfInput {
  readonly fsid: string;
  readonly monHost: string;
  readonly keyring: string;
  readonly auth: AuthKind;
  readonly mode: 'crc' | 'secure' | undefined;
  readonly proto: 'both' | 'v2' | 'v1';
  readonly osds: number;
  /** The caller's own options; they beat ours. */
  readonly conf: Readonly<Record<string, string | number | boolean>>;
}

const MODES = ['cluster', 'service', 'client', 'mon_cluster', 'mon_service', 'mon_client'];

/** Options of a small cluster on one host. */
export function clusterOptions(input: ConfInput): Map<string, string> {
  const { auth, mode, proto, osds } = input;
  const size = Math.max(1, Math.min(3, osds));
  const options = new Map<string, string>([
    ['fsid', input.fsid],
    ['mon_host', input.monHost],
    ['keyring', input.keyring],
    ['auth_cluster_required', auth],
    ['auth_service_required', auth],
    ['auth_client_required', auth],
    ['ms_bind_msgr1', String(proto !== 'v2')],
    ['ms_bind_msgr2', String(proto !== 'v1')],
    ['osd_pool_default_size', String(size)],
    ['osd_pool_default_min_size', String(Math.max(1, size - 1))],
    ['osd_pool_default_pg_num', '16'],
    ['osd_pool_default_pgp_num', '16'],
    ['osd_pool_default_pg_autoscale_mode', 'off'],
    // All OSDs are on one host, so copies go to different OSDs, not to different hosts.
    ['osd_crush_chooseleaf_type', '0'],
    ['mon_osd_reporter_subtree_level', 'osd'],
    ['mon_osd_min_down_reporters', String(osds > 2 ? 2 : 1)],
    ['mon_max_pg_per_osd', '2000'],
    ['mon_allow_pool_delete', 'true'],
    ['mon_allow_pool_size_one', 'true'],
    ['mon_warn_on_pool_no_redundancy', 'false'],
    ['mon_warn_on_pool_no_app', 'false'],
    ['auth_allow_insecure_global_id_reclaim', 'false'],
  ]);
  if (mode !== undefined) for (const which of MODES) options.set(`ms_${which}_mode`, mode);
  for (const [name, value] of Object.entries(input.conf)) options.set(name, String(value));
  return options;
}

/** A ceph.conf. */
export function confText(options: ReadonlyMap<string, string>): string {
  return `[global]\n${[...options].map(([name, value]) => `${name} = ${value}\n`).join('')}`;
}
