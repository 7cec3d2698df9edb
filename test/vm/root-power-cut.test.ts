import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { harnessDeps } from './harness/index.ts'
import { torture } from './torture/torture.ts'

test('after each of 20 power cuts in updates and reverts the host comes up confirmed and right', async () => {
  const say = (line: string) => process.stderr.write(`${line}\n`)
  const dir = await mkdtemp(join(tmpdir(), 'speediso-power-cut-'))
  try {
    const seed = Date.now() % 2 ** 31
    const options = { cycles: 20, seed, hosts: 1, twoKernels: false, dir, say }
    const { failures, passed, cycles, seconds } = await torture(options, harnessDeps({ log: say }))
    assert.equal(failures, [], `seed ${seed}`)
    assert.is(passed, 20)
    const lost = cycles.reduce((sum, { cut }) => sum + cut.lost, 0)
    console.log(`figure: ${passed} power cuts with seed ${seed}, ${lost} writes lost, ${seconds} s`)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})

test.run()
