import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Exec } from '../system/exec.ts'

export interface Certificate {
  /** PEM. */
  key: string
  /** PEM. */
  cert: string
  /** SHA-256 of the certificate, as `AA:BB:…`. */
  fingerprint: string
}

/** Who the certificate is for. */
export interface CertificateNames {
  hostname: string
  /** IP addresses. */
  addresses: readonly string[]
}

/** Longer than a live system runs; who reads its log knows it by its fingerprint anyhow. */
const DAYS = 365
/** Milliseconds; an elliptic curve's key takes a fraction of one second. */
const LIMIT = 15_000

/**
 * A key (EC P-256) and its self-signed certificate, made by openssl in a folder that only this user can read and that is
 * gone afterwards.
 * @throws ToolMissingError, CommandError
 */
export async function makeCertificate(exec: Exec, names: CertificateNames): Promise<Certificate> {
  const dir = await mkdtemp(join(tmpdir(), 'speediso-tls-'))
  const [config, keyFile, certFile] = ['config', 'key', 'cert'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ]
  try {
    await writeFile(config, configOf(names), { mode: 0o600 })
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-sha256']
    const files = ['-config', config, '-keyout', keyFile, '-out', certFile]
    await exec('openssl', [...args, '-days', String(DAYS), ...files], { timeout: LIMIT })
    const [key, cert] = await Promise.all([readFile(keyFile, 'utf8'), readFile(certFile, 'utf8')])
    return { key, cert, fingerprint: new X509Certificate(cert).fingerprint256 }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** openssl's own configuration file is not asked: it may be missing, or not ours. */
function configOf({ hostname, addresses }: CertificateNames): string {
  // RFC 5280, upper bound of a common name; a name that DNS could not hold would be no name to connect to.
  const named = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/.test(hostname)
  const alternatives = [
    'DNS:localhost',
    ...(named ? [`DNS:${hostname}`] : []),
    ...addresses.map((address) => `IP:${address}`),
  ]
  return `[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = ${named ? hostname : 'speediso'}
[extensions]
subjectAltName = ${[...new Set(alternatives)].join(',')}
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
`
}
