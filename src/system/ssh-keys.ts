import { chmod, mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import pRetry from 'p-retry'
import { SpeedisoError } from '../errors.ts'
import type { Http } from './http.ts'
import type { MachineRoot } from './machine-root.ts'

const KEYS_FILE = '/root/.ssh/authorized_keys'
/** An authorized_keys file larger than this is no such file. */
const SIZE_LIMIT = 256 * 1024

export interface SshKeyDependencies {
  root: MachineRoot
  signal: AbortSignal
  http: Http
  /** Milliseconds for which a server that gives no keys is asked again; default 2 min. */
  wait?: number
}

/**
 * Lets the holders of these keys log in as root; the file is replaced whole. One URL, or the key lines themselves.
 * @returns how many keys there are
 * @throws SpeedisoError when the URL gives none
 */
export async function installSshKeys(keys: readonly string[], deps: SshKeyDependencies): Promise<number> {
  const [first = ''] = keys
  const lines = /^https?:/.test(first) ? await fetchKeys(first, deps) : keys
  const path = deps.root.path(KEYS_FILE)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await chmod(dirname(path), 0o700)
  await writeFile(`${path}.new`, `${lines.join('\n')}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
  return lines.length
}

async function fetchKeys(
  url: string,
  { http, signal, wait = 120_000 }: SshKeyDependencies,
): Promise<string[]> {
  const ask = async () => {
    const answer = await http(url, { signal, limit: SIZE_LIMIT })
    if (answer.status !== 200) throw new SpeedisoError(`the server answers ${answer.status}`)
    return keyLines(answer.body.toString())
  }
  const patience = {
    retries: Number.POSITIVE_INFINITY,
    maxTimeout: 15_000,
    maxRetryTime: wait,
    randomize: true,
  }
  return pRetry(ask, { ...patience, signal }).catch((cause: unknown) => {
    throw new SpeedisoError('speediso.ssh.keys: no keys from that URL', { cause })
  })
}

/** The key lines of an authorized_keys file. @throws SpeedisoError when there is none: an error page is no key file */
export function keyLines(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim())
  const keys = lines.filter((line) => /(^|\s)(ssh-|ecdsa-|sk-)[\w@.-]+ [A-Za-z0-9+/=]{20,}/.test(line))
  if (keys.length === 0) throw new SpeedisoError('the answer holds no key')
  return keys
}
