import type { Socket } from 'node:net';
import tls from 'node:tls';
import { NacreError } from '../../base/errors.ts';

/** How clients are told who we are, and asked who they are. Either certificates, or keys shared beforehand. */
export interface NbdTlsOptions {
  /** Our certificate and what it hangs on, PEM. */
  readonly cert?: string | Buffer;
  /** Our private key, PEM. */
  readonly key?: string | Buffer;
  /** Certificates of those who vouch for clients, PEM. When given, clients must show a certificate. */
  readonly ca?: string | Buffer;
  /** Keys by identity. */
  readonly psk?: ReadonlyMap<string, Buffer>;
}

/** Ciphers with keys shared beforehand; the first that the client knows too is taken. */
const PSK_CIPHERS = 'kECDHEPSK:kDHEPSK:kPSK:@SECLEVEL=1';

/** A file of keys as GnuTLS's psktool writes it: lines of identity:key, the key in hexadecimal. Throws EINVAL. */
export function parsePskFile(text: string): Map<string, Buffer> {
  const keys = new Map<string, Buffer>();
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const cut = trimmed.lastIndexOf(':');
    const hex = trimmed.slice(cut + 1);
    if (cut <= 0 || hex.length % 2 !== 0 || !/^[0-9a-fA-F]+$/.test(hex))
      throw new NacreError('EINVAL', 'nbd.tls', 'a line of the key file is not IDENTITY:HEXKEY');
    keys.set(trimmed.slice(0, cut), Buffer.from(hex, 'hex'));
  }
  if (keys.size === 0) throw new NacreError('EINVAL', 'nbd.tls', 'the key file has no keys');
  return keys;
}

/**
 * What turns a connection into one over TLS, as its server. Throws at once when certificate, key and authorities do
 * not go together.
 */
export function tlsUpgrade(options: NbdTlsOptions): (socket: Socket) => Promise<Socket> {
  const { cert, key, ca, psk } = options;
  const x509 = cert !== undefined || key !== undefined;
  if (x509 === (psk !== undefined))
    throw new NacreError('EINVAL', 'nbd.tls', 'either a certificate and its key, or shared keys are wanted');
  if (x509 && (cert === undefined || key === undefined))
    throw new NacreError('EINVAL', 'nbd.tls', 'a certificate and its key go together');
  if (ca !== undefined && !x509)
    throw new NacreError('EINVAL', 'nbd.tls', 'authorities are of no use without a certificate of our own');
  const secureContext = tls.createSecureContext(
    psk === undefined
      ? { cert, key, ca, minVersion: 'TLSv1.2' }
      : // Node's interface to shared keys is that of TLS 1.2.
        { ciphers: PSK_CIPHERS, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
  );
  const settings = {
    isServer: true,
    secureContext,
    requestCert: ca !== undefined,
    rejectUnauthorized: ca !== undefined,
    ...(psk !== undefined && {
      pskCallback: (_socket: tls.TLSSocket, identity: string) => psk.get(identity) ?? null,
      pskIdentityHint: 'nbd',
    }),
  };
  return socket =>
    new Promise((resolve, reject) => {
      const secure = new tls.TLSSocket(socket, settings as tls.TLSSocketOptions);
      const failed = (error?: Error) => {
        secure.destroy();
        reject(error ?? new Error('the client left during the handshake'));
      };
      const closed = () => failed();
      secure.once('error', failed);
      secure.once('close', closed);
      secure.once('secure', () => {
        // A bare TLSSocket leaves it to its owner to look at what became of the client's certificate.
        const problem = ca === undefined ? null : verifyError(secure);
        if (problem !== null) {
          failed(problem);
          return;
        }
        secure.off('error', failed);
        secure.off('close', closed);
        resolve(secure);
      });
    });
}

/** Why the client's certificate is not to be believed; null when it is. */
function verifyError(secure: tls.TLSSocket): Error | null {
  const { ssl } = secure as unknown as { ssl: { verifyError(): Error | null } | null };
  if (Object.keys(secure.getPeerCertificate()).length === 0)
    return new Error('the client showed no certificate');
  return ssl === null ? new Error('the client left during the handshake') : ssl.verifyError();
}
