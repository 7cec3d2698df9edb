import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError } from '../../src/errors.ts'
import { beginTrial, endTrial } from '../../src/root/trial/act.ts'
import { GRACE_SECONDS, ORDERLY_SECONDS, trialUnits } from '../../src/root/trial/units.ts'
import type { Exec } from '../../src/system/exec.ts'
import { temporaryDir } from './helpers/temporary.ts'

const dir = temporaryDir()
const limits = { deadline: 600.2, what: 'boot 2 of 3 of image 1.4' }

function textOf(path: string, given = limits): string {
  const file = trialUnits(given).get(path)
  if (file === undefined || !('text' in file)) throw new Error(`no text ${path}`)
  return file.text
}

test('the timers count from the start of the kernel: first orderly, then by force', () => {
  const orderly = 601 + GRACE_SECONDS
  assert.match(textOf('systemd/system/speediso-trial.timer'), new RegExp(`^OnBootSec=${orderly}s$`, 'm'))
  const force = textOf('systemd/system/speediso-trial-force.timer')
  assert.match(force, new RegExp(`^OnBootSec=${orderly + ORDERLY_SECONDS}s$`, 'm'))
  assert.match(textOf('systemd/system/speediso-trial.service'), /^SuccessAction=reboot$/m)
  assert.match(textOf('systemd/system/speediso-trial-force.service'), /^SuccessAction=reboot-immediate$/m)
})

test('neither isolation nor shutdown stops them, a confirmation does, and no program of the image is needed', () => {
  for (const [path, file] of trialUnits(limits)) {
    if (!('text' in file) || !/speediso-trial[^/]*\.(timer|service)$/.test(path)) continue
    assert.match(file.text, /^DefaultDependencies=no$/m)
    assert.match(file.text, /^IgnoreOnIsolate=yes$/m)
    assert.not.match(file.text, /^Conflicts=|^ExecStart=/m)
    if (path.endsWith('.service'))
      assert.match(file.text, /^ConditionPathExists=!\/run\/speediso\/confirmed$/m)
  }
})

test('what stands in a description cannot become a setting or a specifier', () => {
  const what = 'image 100% \\\nExecStart=/bin/false\n[Service]'
  const text = textOf('systemd/system/speediso-trial.service', { deadline: 1, what })
  assert.not.match(text, /^ExecStart=/m)
  assert.is(text.match(/^\[Service\]$/gm)?.length, 1)
  assert.match(text, /image 100%% {3}ExecStart=/)
})

test('what begins a trial is all taken back', async () => {
  const run = join(dir, 'run')
  mkdirSync(join(run, 'systemd/system/other.service.d'), { recursive: true })
  writeFileSync(join(run, 'systemd/system/other.service'), 'mine')
  const said: string[] = []
  const exec: Exec = async (file, args) => {
    said.push([file, ...args].join(' '))
    return { stdout: '', stderr: '', exitCode: 0 }
  }
  assert.equal(await beginTrial(limits, { exec, run }), { running: true })
  const files = [...trialUnits(limits)]
  for (const [path, file] of files)
    if ('text' in file) assert.is(readFileSync(join(run, path), 'utf8'), file.text)
    else {
      assert.is(readlinkSync(join(run, path)), file.link)
      assert.ok(existsSync(join(run, dirname(path), file.link)), `${path} leads nowhere`)
    }
  assert.equal(said.splice(0), [
    'systemctl daemon-reload',
    'systemctl --no-block start speediso-trial.timer speediso-trial-force.timer',
  ])
  // Twice is as good as once: a kexec, or a hook that runs again.
  await beginTrial(limits, { exec, run })
  said.length = 0
  await endTrial({ exec, run })
  assert.ok(existsSync(join(run, 'speediso/confirmed')))
  for (const [path] of files) assert.throws(() => lstatSync(join(run, path)), /ENOENT/)
  assert.is(readFileSync(join(run, 'systemd/system/other.service'), 'utf8'), 'mine')
  assert.equal(said, [
    'systemctl stop speediso-trial.timer speediso-trial-force.timer',
    'systemctl daemon-reload',
  ])
})

const noSystemd: Exec = async () => {
  throw new CommandError('systemctl ended with exit code 1')
}

test('without a systemd that answers the files are there all the same', async () => {
  const run = join(dir, 'quiet')
  assert.equal(await beginTrial(limits, { exec: noSystemd, run }), { running: false })
  assert.ok(existsSync(join(run, 'systemd/system/speediso-trial.timer')))
})

test('one of marker and stopped timers is enough; without both it is an error', async () => {
  const run = join(dir, 'end')
  await endTrial({ exec: noSystemd, run })
  assert.ok(existsSync(join(run, 'speediso/confirmed')))
  const blocked = join(dir, 'blocked')
  mkdirSync(blocked)
  writeFileSync(join(blocked, 'speediso'), 'a file where the folder has to be')
  await endTrial({ exec: async () => ({ stdout: '', stderr: '', exitCode: 0 }), run: blocked })
  let message = ''
  await endTrial({ exec: noSystemd, run: blocked }).catch((error: Error) => {
    message = error.message
  })
  assert.match(message, /this machine will restart/)
})

test.run()
