import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SpeedisoError } from '../../../src/errors.ts'

/** A folder that is removed when it is disposed of, and also when this process ends in whatever way. */
export interface Workspace extends AsyncDisposable {
  readonly dir: string
}

const JANITOR = fileURLToPath(new URL('janitor.ts', import.meta.url))

/** @param keep leave the folder where it is */
export async function createWorkspace(parent: string, keep = false): Promise<Workspace> {
  const dir = await mkdtemp(join(parent, keep ? 'speediso-vm-kept-' : 'speediso-vm-'))
  if (keep) return { dir, async [Symbol.asyncDispose]() {} }
  const child = spawn(process.execPath, [JANITOR, dir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Signals for this process group are not for it.
    detached: true,
    env: {},
    cwd: '/',
  })
  await once(child, 'spawn')
  const ended = once(child, 'close')
  child.unref()
  // A pipe is a socket here; it must not keep this process alive either.
  ;(child.stdin as Socket).unref()
  return {
    dir,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) {
        child.ref()
        child.stdin.end()
        await ended
      }
      if (child.exitCode !== 0)
        throw new SpeedisoError(`${dir}: could not be removed`, { hint: 'remove it by hand' })
    },
  }
}
