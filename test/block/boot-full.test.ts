import { execFileSync } from 'node:child_process'
import { mkdirSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { beginFakeBoot } from '../unit/helpers/begin-boot.ts'
import { pass } from '../unit/helpers/tasks.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'

/** A file system without a free byte, for as long as the scope lasts. */
function fullFileSystem(): { dir: string } & Disposable {
  const dir = join(temporaryDir(), 'full')
  mkdirSync(dir)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir])
  const { bsize, bfree } = statfsSync(dir)
  writeFileSync(join(dir, 'filler'), Buffer.alloc(bsize * bfree))
  return { dir, [Symbol.dispose]: () => execFileSync('umount', ['--lazy', dir]) }
}

test('a folder that is full from the start keeps no job from being done, once', async () => {
  using full = fullFileSystem()
  const run = join(full.dir, 'run')
  let runs = 0
  const act: typeof pass = (step, ctx) => {
    runs += 1
    return pass(step, ctx)
  }
  const first = await beginFakeBoot(run, act)
  const report = await first.run()
  assert.equal([report.verdict, runs], ['passed', 3])
  first.events.close()
  // Nothing could be written down, so that nothing is known; but that it was begun is.
  const second = await beginFakeBoot(run, act)
  const again = await second.run()
  second.events.close()
  assert.equal([again.verdict, runs], ['unknown', 3])
})

test.run()
