import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files of one end: certificate, key, and the authority that vouches for both ends. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Makes an authority in `dir`, and a certificate of it for each name. */
export function makeCertificates(dir: string, names: readonly string[]): Record<string, TlsFiles> {
  mkdirSync(dir, { recursive: true });
  const file = (name: string) => join(dir, name);
  const ca = file('ca.pem');
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...ec,
    '-keyout',
    file('ca.key'),
    '-out',
    ca,
    '-subj',
    '/CN=test authority',
    '-days',
    '2',
  );
  const made: Record<string, TlsFiles> = {};
  for (const name of names) {
    const key = file(`${name}.key`);
    const request = file(`${name}.csr`);
    const cert = file(`${name}.pem`);
    openssl('req', ...ec, '-keyout', key, '-out', request, '-subj', `/CN=${name}`);
    writeFileSync(file('serial'), '01\n');
    openssl(
      'x509',
      '-req',
      '-in',
      request,
      '-CA',
      ca,
      '-CAkey',
      file('ca.key'),
      '-CAserial',
      file('serial'),
      '-out',
      cert,
      '-days',
      '2',
    );
    made[name] = { cert, key, ca };
  }
  return made;
}
