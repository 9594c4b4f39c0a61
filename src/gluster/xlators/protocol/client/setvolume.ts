import type { Options } from '../../../graph/option-types.ts';
import type { XlatorHost } from '../../../graph/xlator.ts';
import { FOP_PROGRAM } from '../../../rpc/programs.ts';
import { Dict } from '../../../types/dict.ts';

/** What we say we are: the release whose protocol this client speaks, and its highest operating version. */
const CLIENT_VERSION = '10.3';
const OP_VERSION = '100000';

/** In the handshake's dict only as they stand in the volfile; they say nothing to the brick. */
const NOT_SENT = new Set([
  'secure-management',
  'volume-id',
  'volfile-key',
  'volfile-checksum',
  'subdir-mount',
]);

/**
 * What a client says to a brick at the handshake (client_setvolume): its own name, unique to this connection, so that the brick never
 * takes it for an older one of ours; and all options as the volfile has them, of which the brick checks username and password.
 */
export function setvolumeDict(host: XlatorHost, options: Options, name: string, count: number): Dict {
  const dict = new Dict();
  const text = (key: string, value: string | undefined) => {
    if (value !== undefined) dict.setString(key, value);
  };
  text('opversion', OP_VERSION);
  text('clnt-lk-version', '1');
  text('volfile-checksum', options.text('volfile-checksum'));
  text('volfile-key', options.text('volfile-key') ?? host.volumeName);
  text('subdir-mount', options.text('subdir-mount'));
  text('volume-id', options.text('volume-id'));
  text('client-version', CLIENT_VERSION);
  text('process-name', 'nacre');
  text('process-uuid', processUuid(host, name, count));
  text('fops-version', String(FOP_PROGRAM));
  // 'tcp' is the transport 'socket' to Gluster by then.
  for (const [key, value] of options.entries())
    if (options.isSet(key) && !dict.has(key) && !NOT_SENT.has(key))
      dict.setString(key, key === 'transport-type' && value === 'tcp' ? 'socket' : value);
  return dict;
}

/** 'CTX_ID:…-GRAPH_ID:0-PID:…-HOST:…-PC_NAME:vg0-client-0-RECON_NO:-3' */
function processUuid(host: XlatorHost, name: string, count: number): string {
  const [process] = host.processUuid.split('-PC_NAME:');
  return `${process}-PC_NAME:${name}-RECON_NO:-${count}`;
}
