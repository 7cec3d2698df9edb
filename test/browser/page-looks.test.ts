import type { Page } from 'playwright-core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { EventLog } from '../../src/runtime/event-log.ts'
import { launchBrowser } from './helpers/browser.ts'
import { lowContrasts } from './helpers/contrast.ts'
import { type Host, startHost } from './helpers/host.ts'
import { recordedInventory } from './helpers/inventory.ts'
import { storyClock, tellWipeHalfWay } from './helpers/story.ts'
import { openViewer } from './helpers/viewer.ts'
import type { BrowserWindow } from './helpers/window.ts'

const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }
const LONG = 'https://deploy.example.net/'.padEnd(300, 'x')

const browser = await launchBrowser()
test.after(() => browser.close())

/** Ends the wipe of the story with every sort of verdict, long words without a space, and a report. */
async function tellEnd(host: Host): Promise<void> {
  const { log } = host
  const task = 'wipe'
  const reason = `3 write errors at ${LONG}`
  const evidence = { errors: 3, of: LONG }
  log.append({ kind: 'log', level: 'error', message: `report: ${LONG} does not answer` })
  log.append({
    kind: 'step.end',
    task,
    step: 'nvme0n1-write',
    verdict: 'failed',
    reason,
    seconds: 9,
    evidence,
  })
  log.append({ kind: 'task.end', task, verdict: 'failed', reason, seconds: 9 })
  log.append({ kind: 'job.end', verdict: 'failed', reason: `wipe: ${reason}`, after: 'stay' })
  const time = '2026-11-21T03:00:00.000Z'
  host.writeReport({
    schema: 'speediso.report/1',
    host: { hostId: 'test-host' },
    kernel: '6.12.0',
    problems: [{ parameter: 'speediso.aftr', message: 'no such parameter' }],
    verdict: 'failed',
    tasks: [await recordedInventory(), { task, verdict: 'failed', reason, steps: [], seconds: 10 }],
    started: time,
    ended: time,
    seconds: 12,
  })
}

const tell = (log: EventLog) => tellWipeHalfWay(log, storyClock('2026-11-21T03:00:12Z'))

/** Everything that can be opened is. */
async function openAll(page: Page): Promise<void> {
  await page.evaluate(() => {
    for (const details of (globalThis as unknown as BrowserWindow).document.querySelectorAll('details'))
      details.open = true
  })
  await page.getByText('"errors": 3').waitFor()
}

const sideways = (page: Page) =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth } = (globalThis as unknown as BrowserWindow).document.documentElement
    return scrollWidth - clientWidth
  })

test('on a phone nothing scrolls sideways, whatever stands there', async () => {
  await using host = await startHost({ hostId: '4c4c4544-0043-5a10-8031-b7c04f313233' })
  await using viewer = await openViewer(browser, host.origin, PHONE)
  const { page, sees } = viewer
  await sees('This log asks for its token')
  assert.is(await sideways(page), 0)
  tell(host.log)
  await page.goto(host.address)
  await sees('12 min 40 s left')
  assert.is(await sideways(page), 0)
  await tellEnd(host)
  await sees('Download as JSON')
  await openAll(page)
  assert.is(await sideways(page), 0)
  await host.stop()
  await sees('Reconnecting')
  assert.is(await sideways(page), 0)
  // Negative control: the same measure does see what is too wide.
  await page.evaluate(() => {
    const { document } = globalThis as unknown as BrowserWindow
    const wide = document.createElement('div')
    wide.style.width = '500px'
    wide.textContent = 'wide'
    document.querySelector('main').append(wide)
  })
  assert.ok((await sideways(page)) > 0)
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`${colorScheme}: the colours of that scheme, each text with the contrast of AA`, async () => {
    await using host = await startHost()
    tell(host.log)
    await using viewer = await openViewer(browser, host.address, { colorScheme })
    const { page, sees } = viewer
    await sees('12 min 40 s left')
    assert.equal(await lowContrasts(page), [])
    await tellEnd(host)
    await sees('Download as JSON')
    await openAll(page)
    await page.getByLabel('Show only lines of this level and above').selectOption('everything')
    await page.getByRole('button', { name: 'Pause' }).click()
    assert.equal(await lowContrasts(page), [])
    const ground = await page.evaluate(() => {
      const { document, getComputedStyle } = globalThis as unknown as BrowserWindow
      return getComputedStyle(document.documentElement).backgroundColor
    })
    assert.is(ground, colorScheme === 'light' ? 'rgb(243, 245, 247)' : 'rgb(14, 18, 22)')
    await host.stop()
    await sees('Reconnecting')
    assert.equal(await lowContrasts(page), [])
    // Negative control: the same judge does see grey on grey.
    await page.evaluate(() => {
      const { document } = globalThis as unknown as BrowserWindow
      const faint = document.createElement('p')
      faint.textContent = 'faint'
      faint.style.color = '#808080'
      faint.style.background = '#888888'
      document.querySelector('main').append(faint)
    })
    assert.match((await lowContrasts(page)).join(), /^faint: 1\.\d+$/)
  })
}

test('a verdict is told by word and shape too, and read aloud when it changes', async () => {
  await using host = await startHost()
  await using viewer = await openViewer(browser, host.address)
  const shapes = new Set<string>()
  const { page, sees } = viewer
  const badge = page.locator('.job [role=status] .badge')
  const look = async (word: string) => {
    await badge.getByText(word).waitFor()
    shapes.add(await badge.locator('svg').innerHTML())
  }
  await look('Waiting')
  for (const verdict of ['passed', 'failed', 'unknown'] as const) {
    host.log.append({ kind: 'job.start', tasks: ['a'], command_line: '' })
    await look('Running')
    host.log.append({ kind: 'job.end', verdict, after: 'stay' })
    await look(verdict[0]?.toUpperCase() + verdict.slice(1))
  }
  assert.is(shapes.size, 5)
  await sees('Live')
})

test('who wants no motion gets none', async () => {
  await using host = await startHost()
  tell(host.log)
  await using viewer = await openViewer(browser, host.address, { reducedMotion: 'no-preference' })
  const { page } = viewer
  const turn = page.locator('.icon .turn').first()
  const animation = () =>
    turn.evaluate((e) => (globalThis as unknown as BrowserWindow).getComputedStyle(e).animationName as string)
  assert.is(await animation(), 'turn')
  await page.emulateMedia({ reducedMotion: 'reduce' })
  assert.is(await animation(), 'none')
})

test.run()
