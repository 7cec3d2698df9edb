import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { reportPage } from '../../src/runtime/html/page.ts'
import { launchBrowser } from '../browser/helpers/browser.ts'
import { wipeReport } from './helpers/report.ts'
import { temporaryDir } from './helpers/temporary.ts'

const HOSTILE = `</pre></td><script>document.title='owned'</script><img src=http://127.0.0.1:9/ onerror="document.title='owned'">`
const dir = temporaryDir()

/** Opens a page, lets `look` at it, and gives what it asked for besides itself. */
async function open(content: string, look: (page: Page) => Promise<void>): Promise<string[]> {
  const url = pathToFileURL(join(dir, 'report.html')).href
  writeFileSync(join(dir, 'report.html'), content)
  const browser = await launchBrowser()
  try {
    const page = await browser.newPage()
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    await page.goto(url)
    await look(page)
    return asked.filter((each) => each !== url && !each.startsWith('data:'))
  } finally {
    await browser.close()
  }
}

test('in a browser hostile text is text: nothing is run, nothing is asked for', async () => {
  const asked = await open(reportPage(wipeReport(HOSTILE), [[HOSTILE]]), async (page) => {
    assert.match(await page.title(), /^FAILED: wipe on host </)
    assert.is(await page.locator('pre.result').innerText(), HOSTILE)
    assert.is(await page.locator('script, img').count(), 0)
  })
  assert.equal(asked, [])
})

test('negative control: the same text as markup asks and runs', async () => {
  const asked = await open(`<title>x</title>${HOSTILE}`, async (page) => {
    await page.waitForFunction("document.title === 'owned'")
  })
  assert.equal(asked, ['http://127.0.0.1:9/'])
})

test('evidence is folded on a screen, opens by a click, and is printed in full', async () => {
  await open(reportPage(wipeReport('x'), [undefined]), async (page) => {
    const evidence = page.locator('.steps .folded').nth(1)
    assert.not(await evidence.isVisible())
    await page.locator('.steps summary').nth(1).click()
    assert.ok(await evidence.isVisible())
    assert.not(await page.locator('.steps .folded').first().isVisible())
    await page.emulateMedia({ media: 'print' })
    for (const each of await page.locator('.folded').all()) assert.ok(await each.isVisible())
    assert.match(await evidence.innerText(), 'first line\nx\nlast line')
    const path = join(dir, 'report.pdf')
    await page.pdf({ path, preferCSSPageSize: true })
    // A4 in points.
    assert.match(readFileSync(path, 'latin1'), /\/MediaBox \[0 0 59[45](\.\d+)? 84[12](\.\d+)?\]/)
  })
})

test('on a phone nothing but preformatted text is wider than the screen', async () => {
  await open(reportPage(wipeReport('a-long-word-'.repeat(30)), [undefined]), async (page) => {
    await page.setViewportSize({ width: 360, height: 700 })
    assert.is(await page.evaluate('document.documentElement.scrollWidth'), 360)
  })
})

test.run()
