import { createConnection } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { InputError, TimeoutError } from '../../../src/errors.ts'
import { type Exec, type ExecOptions, type ExecResult, quoteCommand } from '../../../src/system/exec.ts'

export interface SshKey {
  /** File of the private key. */
  file: string
  /** One line for authorized_keys. */
  publicKey: string
}

export interface SshTarget {
  /** On 127.0.0.1. */
  port: number
  key: SshKey
  user?: string
}

/** Makes an Ed25519 key pair without a passphrase in `dir`. */
export async function createSshKey(dir: string, exec: Exec): Promise<SshKey> {
  const file = join(dir, 'id_ed25519')
  await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'speediso-test', '-f', file])
  const { stdout } = await exec('ssh-keygen', ['-y', '-f', file])
  return { file, publicKey: stdout.trim() }
}

/** Arguments of ssh for one command; neither the user's configuration nor their known hosts take part. */
export function sshArguments({ port, key, user = 'root' }: SshTarget, command: readonly string[]): string[] {
  const [program, ...args] = command
  if (program === undefined) throw new InputError('ssh: there is no command to run')
  const options = {
    UserKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'no',
    IdentitiesOnly: 'yes',
    BatchMode: 'yes',
    ConnectTimeout: '30',
    LogLevel: 'ERROR',
  }
  return [
    ...['-F', '/dev/null', '-p', String(port), '-i', key.file],
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...[`${user}@127.0.0.1`, '--'],
    // The other side's shell splits this line again into the same words.
    quoteCommand(program, args),
  ]
}

/**
 * Runs one program in the guest.
 * @throws CommandError as Exec does; 255 is ssh's own failure
 */
export function ssh(
  exec: Exec,
  target: SshTarget,
  command: readonly string[],
  options?: ExecOptions,
): Promise<ExecResult> {
  return exec('ssh', sshArguments(target, command), options)
}

/** The user network accepts a connection before the guest listens, and drops it then. */
const RETRY = 250
const SILENCE = 5000

/**
 * Waits until an SSH server answers on a port of 127.0.0.1, and gives its banner (RFC 4253, 4.2).
 * @param limit milliseconds
 */
export async function waitForSshBanner(
  port: number,
  { limit, signal }: { limit: number; signal?: AbortSignal },
): Promise<string> {
  const until = performance.now() + limit
  for (;;) {
    signal?.throwIfAborted()
    const banner = await readBanner(port)
    if (banner !== undefined) return banner
    if (performance.now() >= until)
      throw new TimeoutError(`no SSH server on port ${port} within ${limit / 1000} s`)
    await delay(RETRY, undefined, signal === undefined ? {} : { signal })
  }
}

function readBanner(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    let text = ''
    const done = (banner?: string) => {
      socket.destroy()
      resolve(banner)
    }
    socket.setTimeout(SILENCE, done)
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const banner = /^(SSH-[^\r\n]+)\r?\n/m.exec(text)?.[1]
      if (banner !== undefined) done(banner)
    })
    socket.on('error', () => done()).on('close', () => done())
  })
}
