import type { Page } from 'playwright-core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { launchBrowser } from './helpers/browser.ts'
import { type Host, startHost } from './helpers/host.ts'
import { openViewer } from './helpers/viewer.ts'
import type { BrowserWindow } from './helpers/window.ts'

const EVIL = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`

const browser = await launchBrowser()
test.after(() => browser.close())

/** The same hostile text in every place that an event has for text. */
function tellEvil({ log }: Host): void {
  const target = { path: EVIL, model: EVIL, serial: EVIL }
  log.append({ kind: 'job.start', tasks: [EVIL], command_line: EVIL })
  log.append({ kind: 'log', level: 'error', message: EVIL })
  log.append({ kind: 'task.start', task: EVIL, steps: 1, timeout: 1 })
  log.append({ kind: 'step.start', task: EVIL, step: EVIL, title: 'A step', target })
  log.append({ kind: 'reading', task: EVIL, step: EVIL, name: EVIL, value: EVIL, unit: EVIL })
  log.append({
    kind: 'step.progress',
    task: EVIL,
    step: EVIL,
    done: 1,
    total: 2,
    unit: EVIL,
    rate: 1,
    eta: 1,
  })
  log.append({
    kind: 'step.end',
    task: EVIL,
    step: EVIL,
    verdict: 'failed',
    reason: EVIL,
    seconds: 1,
    evidence: { [EVIL]: EVIL },
  })
  log.append({ kind: 'task.end', task: EVIL, verdict: 'failed', reason: EVIL, seconds: 1 })
  log.append({ kind: 'job.end', verdict: 'failed', reason: EVIL, after: EVIL })
}

/** What becomes of HTML and of a script that somebody gets into the page after all. */
async function attempt(page: Page): Promise<{ html: string; script: string }> {
  return page.evaluate(async () => {
    const { document, addEventListener } = globalThis as unknown as BrowserWindow
    const result = { html: 'became HTML', script: 'ran' }
    try {
      document.createElement('div').innerHTML = '<b>bold</b>'
    } catch (error) {
      result.html = (error as Error).name
    }
    addEventListener('securitypolicyviolation', (event: { effectiveDirective: string }) => {
      result.script = event.effectiveDirective
    })
    const link = document.createElement('a')
    link.setAttribute('href', 'javascript:void(document.title = "taken")')
    document.body.append(link)
    link.click()
    await new Promise((resolve) => setTimeout(resolve, 300))
    return result
  })
}

test('what events hold stays text', async () => {
  await using host = await startHost()
  tellEvil(host)
  await using viewer = await openViewer(browser, host.address)
  const { page } = viewer
  await viewer.seesLine('<img src=x onerror=')
  await page.getByText('Evidence').click()
  await page.locator('pre').waitFor()
  for (const place of ['.problems li', '.job .reason', '.task h3', '.target', '.readings', '.figures', 'pre'])
    assert.match((await page.locator(place).first().textContent()) ?? '', '<img src=x', place)
  assert.is(await page.locator('img').count(), 0)
  assert.is(await page.locator('body script').count(), 1, "the page's own")
  assert.is(await page.title(), 'Failed · test-host')
  assert.equal(viewer.errors, [])
})

test('and what would get in as HTML or script is stopped by the policy', async () => {
  await using host = await startHost()
  await using viewer = await openViewer(browser, host.address)
  await viewer.sees('Live')
  const { html, script } = await attempt(viewer.page)
  assert.is(html, 'TypeError')
  assert.match(script, /^(script-src|require-trusted-types-for)/)
  assert.not.match(await viewer.page.title(), 'taken')
})

test('negative control: without the policy the same attempt succeeds', async () => {
  await using host = await startHost({ csp: "default-src * data: 'unsafe-inline'" })
  await using viewer = await openViewer(browser, host.address)
  await viewer.sees('Live')
  assert.equal(await attempt(viewer.page), { html: 'became HTML', script: 'ran' })
  assert.is(await viewer.page.title(), 'taken')
})

test('it asks nobody but its own server, and may not', async () => {
  await using host = await startHost()
  await using other = await startHost()
  await using viewer = await openViewer(browser, host.address)
  const { page, requests } = viewer
  tellEvil(host)
  await viewer.sees('Fetching the report')
  host.writeReport({
    schema: 'speediso.report/1',
    host: { hostId: 'h' },
    kernel: null,
    problems: [],
    verdict: 'failed',
    tasks: [],
    started: '',
    ended: '',
    seconds: 1,
  })
  await viewer.sees('Download as JSON')
  await host.stop()
  await host.start()
  await viewer.sees('Live')
  const foreign = () =>
    requests.filter((url) => !/^(data|blob):/.test(url) && new URL(url).host !== new URL(host.origin).host)
  assert.equal(foreign(), [])
  assert.ok(requests.some((url) => url.startsWith('ws:')))
  // Negative control: a request elsewhere is noticed, and refused by the policy.
  const refused = await page.evaluate(
    (url) =>
      fetch(url).then(
        () => 'answered',
        (error: Error) => error.name,
      ),
    `${other.origin}/`,
  )
  assert.is(refused, 'TypeError')
})

test.run()
