import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { imageDir, MINUTE, netboot } from './guest.ts'
import { harnessDeps, ROOT_PATH } from './harness/index.ts'

const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })
const MIRROR_PATH = '/mirror.squashfs'
const MB = 1_000_000

test('a root that is cut off, or has one wrong bit, never boots', async () => {
  await using booted = await netboot(
    {
      ask: 'SPEEDISO=inventory speediso.fetch.attempts=1 speediso.fetch.after_failure=poweroff',
      forwardedPorts: [],
      prepareServer: (server) => {
        // Cut off at first; then whole in length, but not in content.
        server.fault(ROOT_PATH, { kind: 'cut', after: 2 * MB, times: 1 })
        server.fault(ROOT_PATH, { kind: 'corrupt', at: 100 * MB })
      },
    },
    deps,
  )
  const { serial } = booted.machine
  await serial.waitFor('speediso: NO ROOT: no source gave a whole root', { limit: 6 * MINUTE })
  const { how, reason } = await booted.machine.waitForEnd({ limit: MINUTE })
  assert.equal([how, reason], ['guest', 'guest-shutdown'])
  const said = serial.lines.join('\n')
  assert.match(said, /speediso: DAMAGED: .* has SHA-256 [0-9a-f]{64}, wanted [0-9a-f]{64}/)
  assert.not.match(said, 'speediso-milestone: switch-root')
})

test('a damaged source is dropped for a mirror, and a transfer that was cut off is resumed', async () => {
  await using booted = await netboot(
    {
      ask: (server) => `speediso.mirror=${server.guestUrl(MIRROR_PATH)}`,
      forwardedPorts: [],
      prepareServer: (server) => {
        server.add(MIRROR_PATH, { file: join(imageDir, ROOT_PATH) })
        server.fault(ROOT_PATH, { kind: 'corrupt', at: 100 * MB })
        server.fault(MIRROR_PATH, { kind: 'cut', after: 60 * MB, times: 1 })
      },
    },
    deps,
  )
  const { serial } = booted.machine
  await serial.waitFor('speediso-milestone: switch-root', { limit: 8 * MINUTE })
  const said = serial.lines.join('\n')
  assert.match(said, /speediso: DAMAGED: .*rootfs\.squashfs has SHA-256/)
  assert.match(said, 'speediso: root verified: SHA-256 ok')
  const mirrored = booted.server.requests.filter(({ path }) => path === MIRROR_PATH)
  const [cut, ...rest] = mirrored
  assert.is(cut?.complete, false)
  const resumed = rest.find(({ status, complete }) => status === 206 && complete)
  assert.match(resumed?.range ?? 'none', /^bytes=[1-9]\d*-/)
})

test.run()
