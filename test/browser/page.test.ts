import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { beginFakeBoot } from '../unit/helpers/begin-boot.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'
import { launchBrowser } from './helpers/browser.ts'
import { type Host, startHost } from './helpers/host.ts'
import { recordedInventory } from './helpers/inventory.ts'
import { openViewer } from './helpers/viewer.ts'

const browser = await launchBrowser()
test.after(() => browser.close())

const say = ({ log }: Host, message: string) => log.append({ kind: 'log', level: 'info', message })

test('a job of the real runtime, from its start to its report', async () => {
  const dir = join(temporaryDir(), 'run')
  const gate = Promise.withResolvers<void>()
  const boot = await beginFakeBoot(dir, async ({ id }, { voice }) => {
    voice.progress(25e9, 100e9, 'bytes')
    voice.reading('temperature', 41, '°C')
    await gate.promise
    return { verdict: 'passed', evidence: { sampled: 4096, of: id } }
  })
  const report = join(dir, 'report.json')
  await using host = await startHost({ running: { events: boot.events, report } })
  await using viewer = await openViewer(browser, host.address)
  const { page, sees } = viewer
  await sees('Live')
  await sees('The job has not begun.')
  assert.is(await page.locator('h1').textContent(), 'test-host')
  await sees('0.1.0 (v0.1.0-12-g5f0c2e1) on image 2026.11.20')

  const running = boot.run()
  const verdict = page.locator('.job [role=status]')
  await verdict.getByText('Running').waitFor()
  const fake = page.getByRole('article', { name: 'task fake' })
  await fake.getByText('25.0 %, 25 GB of 100 GB').first().waitFor()
  assert.is(await fake.getByRole('progressbar').first().getAttribute('value'), '25')
  await fake.getByText('temperature 41 °C').first().waitFor()
  await page.getByRole('article', { name: 'task next' }).getByText('Waiting').waitFor()
  await viewer.titled('25 % · test-host')

  gate.resolve()
  const { verdict: outcome } = await running
  assert.is(outcome, 'passed')
  await verdict.getByText('Passed').waitFor()
  await page.getByRole('heading', { name: 'Report' }).waitFor()
  await viewer.titled('Passed · test-host')
  // What has passed is folded; its evidence is there on demand, by keyboard too.
  await fake.locator('summary').first().focus()
  await page.keyboard.press('Enter')
  await fake.getByText('Evidence').first().focus()
  await page.keyboard.press('Enter')
  await fake.getByText('"sampled": 4096').waitFor()

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download as JSON' }).click(),
  ])
  assert.match(download.suggestedFilename(), /^speediso-report-.+\.json$/)
  assert.is(await readFile(await download.path(), 'utf8'), await readFile(report, 'utf8'))
  assert.equal(viewer.errors, [])
})

test('rate and time left of a step, as the events say them', async () => {
  await using host = await startHost()
  const { log } = host
  log.append({ kind: 'job.start', tasks: ['wipe'], command_line: 'SPEEDISO=wipe' })
  log.append({ kind: 'task.start', task: 'wipe', steps: 2, timeout: 1000 })
  const target = { path: '/dev/sda', model: 'ST4000NM', serial: 'ZC1A', sizeBytes: 4e12 }
  log.append({ kind: 'step.start', task: 'wipe', step: 'a', title: 'Overwrite with zeros', target })
  const progress = { kind: 'step.progress', task: 'wipe', step: 'a', total: 4e12, unit: 'bytes' } as const
  log.append({ ...progress, done: 1e12, rate: 200e6, eta: 15_000 })
  await using viewer = await openViewer(browser, host.address)
  await viewer.sees('/dev/sda · ST4000NM · serial ZC1A · 4 TB')
  await viewer.sees('25.0 %, 1 TB of 4 TB')
  await viewer.sees('200 MB/s')
  await viewer.sees('4 h 10 min left')
  await viewer.sees('0 of 2 steps done')
})

test('a job that failed: what, why, and what was not done', async () => {
  await using host = await startHost()
  await using viewer = await openViewer(browser, host.address)
  const { log } = host
  const reason = 'the disk answered with 3 write errors'
  log.append({ kind: 'job.start', tasks: ['wipe', 'benchmark'], command_line: 'SPEEDISO=wipe,benchmark' })
  log.append({ kind: 'log', level: 'error', message: 'report: https://deploy.example.net does not answer' })
  log.append({ kind: 'task.start', task: 'wipe', steps: 3, timeout: 1000 })
  log.append({ kind: 'step.start', task: 'wipe', step: 'a', title: 'Overwrite /dev/sda' })
  log.append({
    kind: 'step.end',
    task: 'wipe',
    step: 'a',
    verdict: 'failed',
    reason,
    seconds: 9,
    evidence: { errors: 3 },
  })
  log.append({ kind: 'task.end', task: 'wipe', verdict: 'failed', reason, seconds: 10 })
  log.append({ kind: 'job.end', verdict: 'failed', reason: `wipe: ${reason}`, after: 'stay' })
  const { page, sees } = viewer
  await page.locator('.job [role=status]').getByText('Failed').waitFor()
  await sees(`wipe: ${reason}`)
  await sees('3 steps, 1 failed, 2 not run')
  await page.getByRole('article', { name: 'task benchmark' }).getByText('it was not started').waitFor()
  await page.getByRole('alert').getByText('deploy.example.net does not answer').waitFor()
  await sees('the machine stays up')
  await sees('Fetching the report')
  const inventory = await recordedInventory()
  const time = '2026-11-21T03:00:00.000Z'
  host.writeReport({
    schema: 'speediso.report/1',
    host: { hostId: 'test-host' },
    kernel: '6.12.0',
    problems: [],
    verdict: 'failed',
    tasks: [inventory, { task: 'wipe', verdict: 'failed', reason, steps: [], seconds: 10 }],
    started: time,
    ended: time,
    seconds: 12,
  })
  const summary = page.locator('.inventory dl')
  await summary.waitFor()
  const text = (await summary.textContent()) ?? ''
  for (const label of ['System', 'Processor', 'Memory', 'Disks', 'Network']) assert.match(text, label)
  assert.match(text, /GiB installed/)
  assert.match(text, /\d × .+ [MGT]B, .+ \(\w+/)
  await page.locator('.report').getByText(reason).waitFor()
  assert.equal(viewer.errors, [])
})

test('a job with problems and no task says them in plain words', async () => {
  await using host = await startHost()
  await using viewer = await openViewer(browser, host.address)
  host.log.append({ kind: 'job.start', tasks: [], command_line: 'speediso.aftr=reboot' })
  const message = 'speediso.aftr: no such parameter; did you mean speediso.after?'
  host.log.append({ kind: 'log', level: 'error', message })
  host.log.append({
    kind: 'job.end',
    verdict: 'failed',
    reason: `no task was run: ${message}`,
    after: 'stay',
  })
  await viewer.page.getByRole('alert').getByText(message).waitFor()
  await viewer.sees('1 problem')
})

test('without a task nothing is claimed', async () => {
  await using host = await startHost()
  await using viewer = await openViewer(browser, host.address)
  host.log.append({ kind: 'job.start', tasks: [], command_line: '' })
  host.log.append({ kind: 'job.end', verdict: null, after: 'stay' })
  await viewer.sees('Nothing was asked: this machine stays up as a live system.')
  assert.is(await viewer.page.locator('.badge.large').textContent(), 'No job')
})

test('a wrong token asks again, the right one is kept for this tab and shown nowhere', async () => {
  await using host = await startHost()
  say(host, 'behind the token')
  await using viewer = await openViewer(browser, `${host.origin}/#token=wrong`)
  const { page, sees } = viewer
  await sees('The token is wrong')
  await sees('Wrong token')
  assert.is(await page.getByText('behind the token').count(), 0)
  await page.getByLabel('Token').fill('wrong too')
  await page.keyboard.press('Enter')
  await sees('The token is wrong')
  await page.getByLabel('Token').fill(host.token)
  await page.getByRole('button', { name: 'Show the log' }).click()
  await viewer.seesLine('behind the token')
  assert.is(await page.getByLabel('Token').count(), 0)
  await page.reload()
  await viewer.seesLine('behind the token')
  assert.is(page.url(), `${host.origin}/`)
  assert.not.match(await page.content(), host.token)
})

test('without a token it asks for it, and takes one from a link that is opened in the same tab', async () => {
  await using host = await startHost()
  say(host, 'behind the token')
  await using viewer = await openViewer(browser, host.origin)
  await viewer.sees('This log asks for its token')
  await viewer.page.goto(host.address)
  await viewer.seesLine('behind the token')
})

test('filter by text and by level', async () => {
  await using host = await startHost()
  await using viewer = await openViewer(browser, host.address)
  const { page, lines, seesLine } = viewer
  for (const level of ['debug', 'info', 'warning', 'error'] as const)
    host.log.append({ kind: 'log', level, message: `a ${level} of the Fan` })
  say(host, 'the last one')
  await seesLine('the last one')
  assert.equal(await lines(), [
    'a info of the Fan',
    'warning: a warning of the Fan',
    'error: a error of the Fan',
    'the last one',
  ])
  await page.getByLabel('Show only lines that hold this text').fill('FAN')
  await page.getByText('the last one').waitFor({ state: 'detached' })
  assert.is((await lines()).length, 3)
  const level = page.getByLabel('Show only lines of this level and above')
  await level.selectOption('error')
  await page.getByText('a warning of the Fan').waitFor({ state: 'detached' })
  assert.equal(await lines(), ['error: a error of the Fan'])
  await level.selectOption('everything')
  await seesLine('a debug of the Fan')
  assert.is((await lines()).length, 4)
})

test('paused, nothing moves, and what is new is counted', async () => {
  await using host = await startHost()
  await using viewer = await openViewer(browser, host.address)
  const { page, lines, sees, seesLine } = viewer
  say(host, 'before')
  await seesLine('before')
  await page.getByRole('button', { name: 'Pause' }).click()
  await sees('nothing new yet')
  for (let i = 1; i <= 3; i += 1) say(host, `meanwhile ${i}`)
  await sees('3 new events')
  assert.equal(await lines(), ['before'])
  await page.getByRole('button', { name: 'Go on' }).click()
  await seesLine('meanwhile 3')
  assert.equal(await lines(), ['before', 'meanwhile 1', 'meanwhile 2', 'meanwhile 3'])
})

test('it follows the end, unless somebody reads further up', async () => {
  await using host = await startHost()
  await using viewer = await openViewer(browser, host.address)
  const { page, seesLine } = viewer
  for (let i = 1; i <= 300; i += 1) say(host, `line ${i}`)
  await seesLine('line 300')
  const box = page.locator('.lines')
  const fromEnd = () => box.evaluate((e) => Math.round(e.scrollHeight - e.scrollTop - e.clientHeight))
  assert.ok((await fromEnd()) < 24)
  await box.hover()
  await page.mouse.wheel(0, -2000)
  await page.getByRole('button', { name: 'To the newest' }).waitFor()
  const top = await box.evaluate((e) => e.scrollTop)
  say(host, 'line 301')
  await seesLine('line 301')
  assert.is(await box.evaluate((e) => e.scrollTop), top)
  await page.getByRole('button', { name: 'To the newest' }).click()
  await page.getByRole('button', { name: 'To the newest' }).waitFor({ state: 'detached' })
  assert.ok((await fromEnd()) < 24)
})

test('over a server that goes and comes back no line is lost or doubled', async () => {
  await using host = await startHost()
  await using viewer = await openViewer(browser, host.address)
  const { page, lines, sees, seesLine } = viewer
  const wanted = Array.from({ length: 30 }, (_, i) => `line ${i + 1}`)
  for (const message of wanted.slice(0, 10)) say(host, message)
  await seesLine('line 10')
  await host.stop()
  await sees('Reconnecting')
  for (const message of wanted.slice(10, 20)) say(host, message)
  assert.is((await lines()).length, 10)
  await host.start()
  await page
    .getByRole('button', { name: 'Try now' })
    .click({ timeout: 5000 })
    .catch(() => {})
  for (const message of wanted.slice(20)) say(host, message)
  await seesLine('line 30')
  await sees('Live')
  assert.equal(await lines(), wanted)
  assert.is(await page.getByText('never arrived').count(), 0)
})

test('a host that was booted anew begins anew, and says so', async () => {
  await using host = await startHost()
  await using viewer = await openViewer(browser, host.address)
  const { lines, sees, seesLine, page } = viewer
  for (let i = 1; i <= 5; i += 1) say(host, `first boot ${i}`)
  await seesLine('first boot 5')
  await host.bootAnew()
  say(host, 'second boot')
  await seesLine('second boot')
  await sees('The host was booted anew')
  assert.equal(await lines(), ['second boot'])
  await page.getByRole('button', { name: 'Understood' }).click()
  await page.getByText('The host was booted anew').waitFor({ state: 'detached' })
})

test('a host that was booted anew with another token: what was seen stays, and the new one is asked for', async () => {
  await using host = await startHost()
  await using viewer = await openViewer(browser, host.address)
  say(host, 'first boot')
  await viewer.seesLine('first boot')
  await host.bootAnew('another-token')
  await viewer.sees('probably booted anew')
  assert.equal(await viewer.lines(), ['first boot'])
  say(host, 'second boot')
  await viewer.page.getByLabel('Token').fill('another-token')
  await viewer.page.keyboard.press('Enter')
  await viewer.seesLine('second boot')
  assert.equal(await viewer.lines(), ['second boot'])
})

test.run()
