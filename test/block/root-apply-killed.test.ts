import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { temporaryDir } from '../unit/helpers/temporary.ts'
import { decideAndDo } from './helpers/root-host.ts'
import { rootHostparts } from './helpers/root-hostpart.ts'
import { EXT4 } from './helpers/write-log/record.ts'

const dir = temporaryDir()
const { make } = rootHostparts(dir)

for (const [what, flag, want] of [
  ['update', false, { 'hn-root.img': 'next', 'hn-root-old.img': 'first' }],
  ['revert', true, { 'hn-root.img': 'twin', 'hn-root-broken.img': 'first', 'hn-root-held.img': 'next' }],
] as const) {
  test(`killed at any call of ${what === 'update' ? 'an update' : 'a revert'}, the next run goes on with it`, async () => {
    using host = make(EXT4)
    let calls = 0
    for (;;) {
      for (const name of Object.keys(host.list())) rmSync(join(host.dir, name), { recursive: true })
      rmSync(join(host.dir, '.speediso'), { recursive: true, force: true })
      host.put('hn-root.img', 'first')
      host.put('hn-root-old.img', 'twin')
      await decideAndDo(host.dir, { folder: dir })
      host.put('hn-root-new.img', 'next')
      if (flag) writeFileSync(join(host.dir, 'system-revert'), '')
      const program = join(import.meta.dirname, 'helpers/decide-until-killed.ts')
      const child = spawnSync(process.execPath, ['--no-warnings', program, host.dir, dir, `${calls}`])
      assert.not(
        readdirSync(host.dir).every((name) => name !== 'hn-root.img'),
        'there is a current image',
      )
      if (child.status === 0) break
      assert.is(child.signal, 'SIGKILL', child.stderr.toString())
      await decideAndDo(host.dir, { folder: dir })
      assert.equal(host.list(), want, `killed before call ${calls}`)
      calls += 1
    }
    assert.equal(host.list(), want)
    assert.ok(calls >= 10, `${calls}`)
    console.log(`figure: ${what}: killed at each of ${calls} calls`)
  })
}

test.run()
