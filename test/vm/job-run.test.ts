import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inventoryOf, MINUTE, netboot, runGuest } from './guest.ts'
import { harnessDeps, type Smbios } from './harness/index.ts'

const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })
/** Without a serial or a UUID nobody can tell which machine it is, and its inventory is unknown. */
const smbios: Smbios = { system: { serial: 'SYS-JOB' } }

test('systemd.setenv=SPEEDISO=inventory does the same as SPEEDISO=inventory', async () => {
  await using guest = await runGuest({ ask: 'systemd.setenv=SPEEDISO=inventory', smbios }, deps)
  assert.is(guest.report.verdict, 'passed', guest.report.reason)
  assert.is(inventoryOf(guest.report).sections.system?.status, 'known')
})

test('speediso.after=poweroff: a machine whose job passed powers off', async () => {
  await using booted = await netboot({ ask: 'SPEEDISO=inventory speediso.after=poweroff', smbios }, deps)
  await booted.machine.serial.waitFor('job: PASSED; then poweroff', { limit: 8 * MINUTE })
  const end = await booted.machine.waitForEnd({ limit: 2 * MINUTE })
  assert.is(end.how, 'guest')
  assert.is(end.reason, 'guest-shutdown')
})

test.run()
