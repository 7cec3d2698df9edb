import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LockedError, takeLock } from '../../src/runtime/lock.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'

const PROGRAM = join(import.meta.dirname, '../unit/helpers/lock-until-killed.ts')

/** A file system in which no file can be made, for as long as the scope lasts. */
function fullFileSystem(): { dir: string } & Disposable {
  const dir = join(temporaryDir(), 'full')
  mkdirSync(dir)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=2', 'tmpfs', dir])
  writeFileSync(join(dir, 'filler'), '')
  return { dir, [Symbol.dispose]: () => execFileSync('umount', ['--lazy', dir]) }
}

test('where no file can be made the folder is locked, which takes no room, and one at a time as well', async () => {
  using full = fullFileSystem()
  assert.throws(() => writeFileSync(join(full.dir, 'more'), ''), /ENOSPC/)
  for (const lock of [join(full.dir, 'lock'), join(full.dir, 'folder/lock')]) {
    const child = spawn(process.execPath, ['--no-warnings', PROGRAM, lock], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    try {
      const said = await new Promise((resolve) => child.stdout.once('data', (text) => resolve(`${text}`)))
      assert.is(said, 'taken\n')
      const refused = await takeLock(lock).catch((error: unknown) => error)
      assert.instance(refused, LockedError)
      // Room has come meanwhile: its file does not make it another lock.
      execFileSync('mount', ['-o', 'remount,nr_inodes=4', full.dir])
      if (lock === join(full.dir, 'lock'))
        assert.instance(await takeLock(lock).catch((error: unknown) => error), LockedError)
      execFileSync('rm', ['-f', join(full.dir, 'lock')])
      execFileSync('mount', ['-o', 'remount,nr_inodes=2', full.dir])
    } finally {
      child.kill('SIGKILL')
      await ended
    }
    using _ = await takeLock(lock)
    assert.equal(readdirSync(full.dir), ['filler'])
  }
})

test.run()
