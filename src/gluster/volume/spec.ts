import { NacreError } from '../../base/errors.ts';

/** A server that hands out volfiles: glusterd, on TCP or on a unix socket. */
export type VolfileServer = { readonly host: string; readonly port: number } | { readonly path: string };

/** glusterd's port. */
export const GLUSTERD_PORT = 24007;

/** A volume, and what in it. */
export interface VolumeSpec {
  /** In the order in which they are asked. */
  readonly servers: readonly VolfileServer[];
  readonly volume: string;
  /** Begins with '/'; '/' when nothing was named. */
  readonly path: string;
}

/**
 * Reads 'SERVER[,SERVER...]:/VOLUME[/PATH]' as mount.glusterfs takes it (an IPv6 address in brackets), or
 * 'gluster://SERVER[:PORT]/VOLUME[/PATH]' as libgfapi's users write it. Undefined when it is neither.
 */
export function parseVolumeSpec(text: string, port = GLUSTERD_PORT): VolumeSpec | undefined {
  const url = /^gluster(?:\+tcp)?:\/\/(\[[^\]]+\]|[^/:]+)(?::(\d{1,5}))?\/([^/?#]+)(\/[^?#]*)?$/.exec(text);
  if (url !== null) {
    const server = { host: bare(url[1]), port: url[2] === undefined ? port : Number(url[2]) };
    return { servers: [server], volume: decodeURIComponent(url[3]), path: decodeURIComponent(url[4] ?? '/') };
  }
  const plain = /^((?:\[[^\]]+\]|[^/:,[\]]+)(?:,(?:\[[^\]]+\]|[^/:,[\]]+))*):\/?([^/]+)(\/.*)?$/.exec(text);
  if (plain === null) return undefined;
  const servers = plain[1].split(/,(?![^[]*\])/).map(host => ({ host: bare(host), port }));
  return { servers, volume: plain[2], path: plain[3] ?? '/' };
}

/** As `parseVolumeSpec`, or EINVAL. */
export function volumeSpec(text: string, port?: number): VolumeSpec {
  const spec = parseVolumeSpec(text, port);
  if (spec === undefined)
    throw new NacreError(
      'EINVAL',
      'gluster.open',
      `'${text}' names no volume; SERVER:/VOLUME or gluster://SERVER/VOLUME is wanted`,
    );
  return spec;
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
