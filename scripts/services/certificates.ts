import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { needProgram } from './programs.js';

/** Certificates of an authority of our own, for services and tests on this machine: never for anything that others reach. */
export interface Certificates {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** How long they are good; they are made anew where the folder is. */
const DAYS = '30';

/**
 * Makes an authority in `folder` (once), and a certificate under it for `name`, good for localhost, 127.0.0.1 and
 * `alsoFor` (as `DNS:server.dc1.consul`).
 */
export function makeCertificate(folder: string, name: string, alsoFor: readonly string[] = []): Certificates {
  mkdirSync(folder, { recursive: true });
  const at = (file: string): string => join(folder, file);
  const [caFile, caKey] = [at('ca.pem'), at('ca.key')];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  if (!existsSync(caFile)) {
    const subject = ['-subj', '/CN=Rondo test authority'];
    openssl(['req', '-x509', ...key, '-keyout', caKey, '-out', caFile, '-days', DAYS, ...subject]);
  }
  const [certFile, keyFile, request, extensions] = [
    `${name}.pem`,
    `${name}.key`,
    `${name}.csr`,
    `${name}.ext`,
  ].map(at) as [string, string, string, string];
  const names = ['DNS:localhost', 'IP:127.0.0.1', ...alsoFor].join(',');
  writeFileSync(extensions, `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`);
  openssl(['req', ...key, '-keyout', keyFile, '-out', request, '-subj', `/CN=${name}`]);
  const authority = ['-CA', caFile, '-CAkey', caKey, '-CAcreateserial'];
  openssl([
    'x509',
    '-req',
    '-in',
    request,
    ...authority,
    '-out',
    certFile,
    '-days',
    DAYS,
    '-extfile',
    extensions,
  ]);
  return { caFile, certFile, keyFile };
}

function openssl(args: readonly string[]): void {
  execFileSync(needProgram('openssl'), args, { stdio: 'ignore' });
}
