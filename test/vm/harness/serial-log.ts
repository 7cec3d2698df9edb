import { closeSync, openSync, writeSync } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** The whole of a serial console as a file; it stays when it is kept, and goes otherwise when it is disposed of. */
export interface SerialLog extends AsyncDisposable {
  readonly file: string
  write(chunk: Uint8Array): void
  keep(): void
}

const KEPT = 20

/** Opens a new file, outside of the machine's folder so that it can outlive it; the oldest ones make room. */
export async function openSerialLog(dir: string, name: string): Promise<SerialLog> {
  await mkdir(dir, { recursive: true })
  await makeRoom(dir)
  const { file, fd } = create(dir, name)
  let kept = false
  return {
    file,
    // At once, so that who reads of an error finds all in the file. (QEMU's own log repeats bytes now and then.)
    write: (chunk) => void writeSync(fd, chunk),
    keep() {
      kept = true
    },
    async [Symbol.asyncDispose]() {
      closeSync(fd)
      if (!kept) await rm(file, { force: true })
    },
  }
}

function create(dir: string, name: string): { file: string; fd: number } {
  for (let n = 1; ; n++) {
    const file = join(dir, `${name}-${process.pid}-${n}.log`)
    try {
      return { file, fd: openSync(file, 'wx') }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

async function makeRoom(dir: string): Promise<void> {
  const files = (await readdir(dir)).filter((name) => name.endsWith('.log')).map((name) => join(dir, name))
  const age = async (file: string) =>
    stat(file).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    )
  const aged = await Promise.all(files.map(async (file) => ({ file, time: await age(file) })))
  const old = aged.sort((a, b) => b.time - a.time).slice(KEPT)
  await Promise.all(old.map(({ file }) => rm(file, { force: true })))
}
