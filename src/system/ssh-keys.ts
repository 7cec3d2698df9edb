import { chmod, mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SpeedisoError } from '../errors.ts'
import type { MachineRoot } from './machine-root.ts'

const KEYS_FILE = '/root/.ssh/authorized_keys'
const ATTEMPTS = 6
/** Milliseconds before the second attempt; doubles with each one. */
const FIRST_WAIT = 1000
const ANSWER_LIMIT = 10_000
/** An authorized_keys file larger than this is no such file. */
const SIZE_LIMIT = 256 * 1024

export interface SshKeyDependencies {
  root: MachineRoot
  signal: AbortSignal
  fetch: typeof globalThis.fetch
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

async function fetchKeys(url: string, deps: SshKeyDependencies): Promise<string[]> {
  let cause: unknown
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (attempt > 0) await sleep(FIRST_WAIT * 2 ** (attempt - 1), undefined, { signal: deps.signal })
    try {
      const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(ANSWER_LIMIT)])
      const answer = await deps.fetch(url, { signal })
      if (!answer.ok) throw new SpeedisoError(`the server answers ${answer.status}`)
      return keyLines(await answer.text())
    } catch (error) {
      cause = error
      if (deps.signal.aborted) break
    }
  }
  throw new SpeedisoError('speediso.ssh.keys: no keys from that URL', { cause })
}

/** The key lines of an authorized_keys file. @throws SpeedisoError when there is none: an error page is no key file */
export function keyLines(text: string): string[] {
  if (text.length > SIZE_LIMIT) throw new SpeedisoError('the answer is too large to be a key file')
  const lines = text.split('\n').map((line) => line.trim())
  const keys = lines.filter((line) => /(^|\s)(ssh-|ecdsa-|sk-)[\w@.-]+ [A-Za-z0-9+/=]{20,}/.test(line))
  if (keys.length === 0) throw new SpeedisoError('the answer holds no key')
  return keys
}
