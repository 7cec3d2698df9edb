import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createExec } from '../../src/system/exec.ts'

test('a full disk: the report waits in memory, whole, and keeps the machine up until it is accepted', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'speediso-full-'))
  const program = join(import.meta.dirname, 'fill-spool.ts')
  try {
    // In a mount namespace of its own, so that the filesystem is gone with the process.
    const script = 'mount -t tmpfs -o size=64k none "$1" && exec "$2" "$3" "$1"'
    const args = ['--mount', 'sh', '-c', script, 'sh', dir, process.execPath, program]
    const { stdout } = await createExec()('unshare', args)
    const seen = JSON.parse(stdout) as {
      outcome: string
      whileFull: string[]
      went: boolean
      took: string[]
      said: string[]
    }
    assert.is(seen.outcome, 'spooled')
    assert.equal(seen.whileFull, [], 'no half of a report lies there')
    const said = seen.said.join('\n')
    assert.match(said, /the spool \S+ cannot be written \(ENOSPC\); it is kept in memory/)
    assert.match(said, 'reboot waits: the report is not accepted')
    assert.is(seen.went, true)
    assert.equal(seen.took, ['report', 'about-to-reboot'])
  } finally {
    rmdirSync(dir)
  }
})

test.run()
