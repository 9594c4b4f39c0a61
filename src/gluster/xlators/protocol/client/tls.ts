import { NacreError } from '../../../../base/errors.ts';
import type { Env, TlsClientOptions } from '../../../../env/env.ts';
import type { Options } from '../../../graph/option-types.ts';

/** Reads certificates and keys as a volume's options name them. Rejects with ENOENT and the file that is missing. */
export async function tlsOf(env: Env, options: Options): Promise<TlsClientOptions> {
  const read = async (key: string): Promise<Buffer | undefined> => {
    const path = options.text(key);
    if (path === undefined) return undefined;
    try {
      return await env.fs.readFile(path);
    } catch (error) {
      throw new NacreError('ENOENT', 'gluster.tls', `${key}: ${path} cannot be read`, { cause: error });
    }
  };
  const [cert, key, ca, crl] = await Promise.all([
    read('transport.socket.ssl-own-cert'),
    read('transport.socket.ssl-private-key'),
    read('transport.socket.ssl-ca-list'),
    read('transport.socket.ssl-crl-path'),
  ]);
  const ciphers = options.text('transport.socket.ssl-cipher-list');
  return {
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca }),
    ...(crl !== undefined && { crl }),
    ...(ciphers !== undefined && { ciphers }),
  };
}
