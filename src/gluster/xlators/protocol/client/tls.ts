import { NacreError } from '../../../../base/errors.ts';
import type { Env, TlsClientOptions } from '../../../../env/env.ts';
import type { Options } from '../../../graph/option-types.ts';

/** Where certificates lie if nothing else is said: GlusterFS's own place, and that of Debian's build. */
const DIRECTORIES = ['/etc/ssl', '/usr/lib/ssl'];
/** A node where this file exists speaks TLS between glusterd and its clients. */
const SECURE_ACCESS = '/var/lib/glusterd/secure-access';

/** Whether this node asks for TLS between glusterd and its clients. */
export function nodeIsSecure(env: Env): boolean {
  return env.fs.readFileSync(SECURE_ACCESS) !== undefined;
}

async function read(env: Env, paths: readonly string[], what: string): Promise<Buffer> {
  for (const path of paths) {
    try {
      return await env.fs.readFile(path);
    } catch (error) {
      if (path === paths.at(-1))
        throw new NacreError('ENOENT', 'gluster.tls', `${what}: ${paths.join(' or ')} cannot be read`, {
          cause: error,
        });
    }
  }
  throw new NacreError('ENOENT', 'gluster.tls', `${what} is not named`);
}

function usual(kind: string): string[] {
  return DIRECTORIES.map(directory => `${directory}/glusterfs.${kind}`);
}

/** This node's certificate and key, and whom it trusts. Rejects with ENOENT and the file that is missing. */
export async function nodeTls(env: Env): Promise<TlsClientOptions> {
  const [cert, key, ca] = await Promise.all([
    read(env, usual('pem'), 'certificate'),
    read(env, usual('key'), 'private key'),
    read(env, usual('ca'), 'list of authorities'),
  ]);
  return { cert, key, ca };
}

/** As a volume's options name them, and otherwise the node's. Rejects with ENOENT and the file that is missing. */
export async function tlsOf(env: Env, options: Options): Promise<TlsClientOptions> {
  const named = (option: string, kind: string) => {
    const path = options.text(option);
    return read(env, path === undefined ? usual(kind) : [path], option);
  };
  const [cert, key, ca] = await Promise.all([
    named('transport.socket.ssl-own-cert', 'pem'),
    named('transport.socket.ssl-private-key', 'key'),
    named('transport.socket.ssl-ca-list', 'ca'),
  ]);
  const crlPath = options.text('transport.socket.ssl-crl-path');
  const ciphers = options.text('transport.socket.ssl-cipher-list');
  return {
    cert,
    key,
    ca,
    ...(crlPath !== undefined && { crl: await read(env, [crlPath], 'transport.socket.ssl-crl-path') }),
    ...(ciphers !== undefined && { ciphers }),
  };
}
