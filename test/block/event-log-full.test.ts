import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createExec } from '../../src/system/exec.ts'

test('a full filesystem loses no event and cuts none in two', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'speediso-full-'))
  const program = join(import.meta.dirname, 'fill-event-log.ts')
  try {
    // In a mount namespace of its own, so that the filesystem is gone with the process.
    const script = 'mount -t tmpfs -o size=48k none "$1" && exec "$2" "$3" "$1"'
    const { stdout } = await createExec()('unshare', [
      '--mount',
      'sh',
      '-c',
      script,
      'sh',
      dir,
      process.execPath,
      program,
    ])
    const { whileFull, whenFree, last } = JSON.parse(stdout) as {
      whileFull: string
      whenFree: string
      last: number
    }
    const numbers = (text: string) =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line).seq as number)
    const full = numbers(whileFull)
    assert.ok(full.length > 0 && full.length < 200, `the filesystem was full after ${full.length} events`)
    assert.is(whileFull.at(-1), '\n', 'the file ends with a whole event')
    assert.is(last, 201)
    const seen = numbers(whenFree)
    assert.equal(
      seen,
      seen.map((_, i) => i + 1),
    )
    assert.ok(seen.length > full.length, 'what had waited is written once there is room')
  } finally {
    rmdirSync(dir)
  }
})

test.run()
