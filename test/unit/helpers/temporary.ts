import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made: string[] = []

/** A folder that is gone when this process ends, but for a signal that ends it. */
export function temporaryDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'speediso-test-'))
  if (made.push(dir) === 1)
    process.on('exit', () => {
      for (const each of made) rmSync(each, { recursive: true, force: true })
    })
  return dir
}
