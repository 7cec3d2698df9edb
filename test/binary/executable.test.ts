import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { reportSchema } from '../../src/runtime/report.ts'
import { createExec } from '../../src/system/exec.ts'
import { speediso } from '../unit/helpers/program.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'

const executable = join(import.meta.dirname, '../../dist/speediso')
const exec = createExec()

test('it tells its version and the commit that it was built from', async () => {
  const { code, stdout } = await speediso(['--version'], { executable })
  assert.is(code, 0)
  assert.match(stdout, /^speediso \d+\.\d+\.\d+ \([\w.-]+\)\n$/)
  assert.not.match(stdout, 'development')
})

test('it is at most 120 MB', () => {
  assert.ok(statSync(executable).size <= 120e6, `${statSync(executable).size} bytes`)
})

test('NODE_OPTIONS, which can come from the kernel command line, does not reach it', async () => {
  const env = { NODE_OPTIONS: '--require /nonexistent/module.js' }
  const { code, stdout } = await speediso(['--version'], { executable, env })
  assert.is(code, 0)
  assert.match(stdout, /^speediso /)
})

test('negative control: the same NODE_OPTIONS does reach Node', async () => {
  const { exitCode } = await exec(process.execPath, ['-e', '0'], {
    env: { NODE_OPTIONS: '--require /nonexistent/module.js' },
    okExitCodes: [1],
  })
  assert.is(exitCode, 1)
})

test('it needs nothing beside it: commands and tasks are inside', async () => {
  const job = await speediso(['job', '--cmdline', 'SPEEDISO=inventory'], { executable })
  assert.is(job.code, 0)
  assert.match(job.stdout, /^tasks +inventory +command line: SPEEDISO=inventory$/m)
})

test('the inventory in it is the inventory of the sources', async () => {
  const own = reportSchema.parse(JSON.parse((await speediso(['inventory', '--json'], { executable })).stdout))
  const sources = reportSchema.parse(JSON.parse((await speediso(['inventory', '--json'])).stdout))
  const verdicts = ({ tasks }: typeof own) => tasks[0]?.steps.map(({ id, verdict }) => [id, verdict])
  assert.ok((verdicts(own)?.length ?? 0) > 3)
  assert.equal(verdicts(own), verdicts(sources))
  assert.is(own.host.hostId, sources.host.hostId)
})

test('what only root may do says so to anybody else, and to root it does not', () => {
  const dir = temporaryDir()
  chmodSync(dir, 0o755)
  const own = join(dir, 'speediso')
  copyFileSync(executable, own)
  chmodSync(own, 0o755)
  writeFileSync(join(dir, 'hn-root.img'), 'x')
  const revert = (uid: number) => {
    const args = ['root', 'revert', '--hostpart', dir]
    const { status, stderr } = spawnSync(own, args, { uid, gid: uid, cwd: '/', encoding: 'utf8' })
    return { status, stderr }
  }
  const denied = revert(65534)
  assert.is(denied.status, 3, denied.stderr)
  assert.match(denied.stderr, /^speediso: EACCES: .*; it has to run as root$/m)
  assert.not.match(revert(0).stderr, 'as root')
})

test('its live log serves the page', async () => {
  const child = spawn(executable, ['boot', '--cmdline', 'SPEEDISO=inventory speediso.log=127.0.0.1:7391'])
  try {
    let said = ''
    for await (const chunk of child.stdout) {
      said += String(chunk)
      if (said.includes('Live log: ')) break
    }
    const answer = await fetch('http://127.0.0.1:7391/')
    assert.is(answer.status, 200)
    assert.match(answer.headers.get('content-security-policy') ?? '', "default-src 'none'")
    assert.match(await answer.text(), /^<!doctype html>/i)
  } finally {
    child.kill()
  }
})

test('bad input ends with 2 there too', async () => {
  const { code, stderr } = await speediso(['job', '--cmdline', 'speediso.aftr=reboot'], { executable })
  assert.is(code, 2)
  assert.match(stderr, 'did you mean speediso.after?')
})

test.run()
