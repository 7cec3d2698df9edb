import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GRACE_SECONDS, ORDERLY_SECONDS, type RunFile, trialUnits } from '../../src/root/trial/units.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'
import { bootSystemd } from './helpers/boot-systemd.ts'

const dir = temporaryDir()
const SYSTEM = 'systemd/system'
const overlay = join(import.meta.dirname, '../../image-overlay-root/usr/lib/systemd/system')

/** A trial that ends this soon, with more files below /run and without some of its own. */
function trial(seconds: number, more: Record<string, string> = {}, without?: RegExp): Map<string, RunFile> {
  const files = trialUnits({ deadline: seconds - GRACE_SECONDS, what: 'boot 1 of 3 of image 100% \\' })
  for (const path of [...files.keys()]) if (without?.test(path)) files.delete(path)
  files.set(`${SYSTEM}/test.target`, { text: '[Unit]\nDefaultDependencies=no\nWants=sysinit.target\n' })
  for (const [path, text] of Object.entries(more)) files.set(path, { text })
  return files
}

test('a boot that nobody confirms restarts in order', () => {
  const { end, console } = bootSystemd(dir, trial(2), 'test.target', 20)
  assert.is(end, 'restarted', console)
  assert.match(console, /reboot\.target/)
})

test('control: a confirmed one goes on', () => {
  const { end, console } = bootSystemd(dir, trial(2, { 'speediso/confirmed': '' }), 'test.target', 6)
  assert.is(end, 'still running', console)
  assert.match(console, /sysinit\.target/)
})

test('a restart that hangs is forced', () => {
  const stuck =
    '[Service]\nExecStart=/bin/sleep infinity\nExecStop=/bin/sleep infinity\nTimeoutStopSec=infinity\n'
  const files = trial(2, {
    [`${SYSTEM}/stuck.service`]: stuck,
    [`${SYSTEM}/test.target`]: '[Unit]\nDefaultDependencies=no\nWants=sysinit.target stuck.service\n',
  })
  const force = `${SYSTEM}/speediso-trial-force.timer`
  const timer = files.get(force)
  if (timer === undefined || !('text' in timer)) throw new Error('no timer')
  const [was, soon] = [`OnBootSec=${2 + ORDERLY_SECONDS}s`, 'OnBootSec=7s']
  assert.ok(timer.text.includes(was))
  // Control: what hangs holds the restart up for as long as it is not forced.
  assert.is(bootSystemd(dir, files, 'test.target', 9).end, 'still running')
  files.set(force, { text: timer.text.replace(was, soon) })
  const { end, console } = bootSystemd(dir, files, 'test.target', 20)
  assert.is(end, 'restarted', console)
  assert.match(console, /stuck\.service\/stop/)
})

test('emergency mode, rescue mode and a default target that is missing restart at once', () => {
  for (const unit of ['emergency.target', 'rescue.target', 'nowhere.target']) {
    const { end, console } = bootSystemd(dir, trial(600), unit, 15)
    assert.is(end, 'restarted', `${unit}: ${console}`)
  }
})

test('control: emergency mode waits for a person, and at the deadline it ends all the same', () => {
  const noDropIn = /emergency\.service\.d/
  assert.is(bootSystemd(dir, trial(600, {}, noDropIn), 'emergency.target', 4).end, 'still running')
  assert.is(bootSystemd(dir, trial(3, {}, noDropIn), 'emergency.target', 15).end, 'restarted')
})

/** What systemd-analyze says of units, with these in front of this machine's own. */
function analyze(units: Record<string, string>, links: Record<string, string>, names: string[]): string {
  const at = mkdtempSync(join(dir, 'units-'))
  for (const [name, text] of Object.entries(units)) writeFileSync(join(at, name), text)
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(join(at, path, '..'), { recursive: true })
    symlinkSync(target, join(at, path))
  }
  const env = { ...process.env, SYSTEMD_UNIT_PATH: `${at}:/usr/lib/systemd/system` }
  const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', ...names], { env, encoding: 'utf8' })
  return stdout + stderr
}

test('systemd finds nothing wrong with the units of a trial', () => {
  const texts = [...trialUnits({ deadline: 600, what: 'a trial' })].flatMap(([path, file]) =>
    'text' in file && /system\/speediso-[^/]+$/.test(path)
      ? [[path.slice(SYSTEM.length + 1), file.text] as const]
      : [],
  )
  assert.is(texts.length, 4)
  const units = Object.fromEntries(texts)
  assert.is(analyze(units, {}, Object.keys(units)), '')
  const [name = '', text = ''] = texts[0] ?? []
  const broken = analyze({ ...units, [name]: text.replace('OnBootSec', 'OnBotSec') }, {}, Object.keys(units))
  assert.match(broken, /OnBotSec/)
})

test('the confirmation comes after a check of the whole boot, and makes no circle', () => {
  const unit = readFileSync(join(overlay, 'speediso-confirm.service'), 'utf8').replace(
    '/usr/bin/speediso',
    '/bin/true',
  )
  const links = {
    'multi-user.target.wants/speediso-confirm.service': '../speediso-confirm.service',
    'boot-complete.target.requires/systemd-boot-check-no-failures.service':
      '/usr/lib/systemd/system/systemd-boot-check-no-failures.service',
  }
  const judged = (text: string) => analyze({ 'speediso-confirm.service': text }, links, ['multi-user.target'])
  assert.not.match(judged(unit), /ordering cycle|speediso-confirm/)
  const other = unit.replace('After=multi-user.target ', 'After=')
  assert.is.not(other, unit)
  assert.match(judged(other), /ordering cycle/)
})

test.run()
