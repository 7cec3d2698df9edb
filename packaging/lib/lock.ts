import { lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive } from './output.ts'

/** Holds `file` as a lock during `work`; waits for another process that holds it, and says so once. */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  options: { say: (line: string) => void; signal?: AbortSignal },
): Promise<T> {
  await mkdir(dirname(file), { recursive: true })
  let said = false
  while (!(await take(file))) {
    const holder = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10)
    const free = Number.isInteger(holder) ? !isAlive(holder) : await isOld(file)
    if (free) await rm(file, { force: true })
    else if (!said) {
      options.say(`waiting for another build (process ${holder || 'unknown'}, ${file})`)
      said = true
    }
    await sleep(500, undefined, options.signal === undefined ? {} : { signal: options.signal })
  }
  try {
    return await work()
  } finally {
    await rm(file, { force: true })
  }
}

/** An empty lock is being written just now, or its writer died between two system calls. */
async function isOld(file: string): Promise<boolean> {
  const info = await lstat(file).catch(() => undefined)
  return info !== undefined && Date.now() - info.mtimeMs > 10_000
}

async function take(file: string): Promise<boolean> {
  try {
    await writeFile(file, `${process.pid}\n`, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
