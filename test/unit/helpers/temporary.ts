import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder that is gone when this process ends, however it ends. */
export function temporaryDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'speediso-test-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  return dir
}
