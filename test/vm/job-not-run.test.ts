import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createExec } from '../../src/system/exec.ts'
import { MINUTE, runGuest } from './guest.ts'
import { createSshKey, harnessDeps } from './harness/index.ts'

const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })
const dir = mkdtempSync(join(tmpdir(), 'speediso-job-'))
const key = await createSshKey(dir, createExec())
test.after(() => rmSync(dir, { recursive: true }))
const withKey = `speediso.ssh.keys="${key.publicKey}"`

test('no task: a plain live system that answers over SSH', async () => {
  await using guest = await runGuest({ ask: withKey }, deps)
  assert.is(guest.report.verdict, null)
  assert.equal(guest.report.tasks, [])
  const { machine } = guest.booted
  assert.match(await machine.waitForSsh({ limit: 2 * MINUTE }), /^SSH-2\.0-/)
  const motd = await machine.ssh(['cat', '/run/motd.d/10-speediso'], key)
  assert.match(motd.stdout, 'No task was asked for: this is the plain live system.')
  // The program on the host itself: its report, its log, its version.
  assert.match((await machine.ssh(['speediso', 'report'], key)).stdout, 'job: nothing was asked')
  assert.match((await machine.ssh(['speediso', 'log'], key)).stdout, 'plain live system')
  assert.match((await machine.ssh(['speediso', '--version'], key)).stdout, /^speediso \d/)
  const { stdout: state } = await machine.ssh(['systemctl', 'is-system-running', '--wait'], key, {
    okExitCodes: [1],
  })
  assert.is(state.trim(), 'running', 'no unit of the image failed')
})

test('an unknown task: nothing is run, SSH answers, the error is shown in motd and log', async () => {
  await using guest = await runGuest({ ask: `SPEEDISO=inventroy ${withKey}` }, deps)
  const error = 'SPEEDISO: "inventroy" is no task of this image; did you mean inventory?'
  assert.is(guest.report.verdict, 'failed')
  assert.equal(guest.report.tasks, [])
  assert.ok(
    guest.events.some((event) => event.kind === 'log' && event.level === 'error' && event.message === error),
  )
  const { machine } = guest.booted
  await machine.serial.waitFor(error, { limit: MINUTE })
  await machine.waitForSsh({ limit: 2 * MINUTE })
  assert.match((await machine.ssh(['cat', '/run/motd.d/10-speediso'], key)).stdout, error)
  const journal = await machine.ssh(['journalctl', '-u', 'speediso', '--no-pager'], key)
  assert.match(journal.stdout, error)
})

test('a malformed option: nothing is run, SSH answers; and after a crash nothing is run again', async () => {
  await using guest = await runGuest({ ask: `SPEEDISO=inventory speediso.after=rebot ${withKey}` }, deps)
  assert.is(guest.report.verdict, 'failed')
  assert.equal(guest.report.tasks, [])
  assert.not.ok(guest.events.some((event) => event.kind === 'task.start'))
  const { machine } = guest.booted
  await machine.waitForSsh({ limit: 2 * MINUTE })
  assert.match(
    (await machine.ssh(['cat', '/run/motd.d/10-speediso'], key)).stdout,
    'speediso.after: "rebot" is none of stay, reboot, poweroff, kexec; did you mean reboot?',
  )
  await machine.ssh(['systemctl', 'kill', '--signal=SIGKILL', 'speediso'], key)
  await machine.serial.waitFor('speediso was started again; the job had ended before', { limit: MINUTE })
})

test.run()
