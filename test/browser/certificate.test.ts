import type { Page } from 'playwright-core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { known } from '../../src/system/finding.ts'
import { certificateHtml } from '../../tasks/wipe/certificate/html.ts'
import { type DiskResult, makeCertificate } from '../../tasks/wipe/certificate/make.ts'
import type { Certificate } from '../../tasks/wipe/certificate/schema.ts'
import { certificateOf, HEALTH, input, overwritten, quick, sanitized } from '../unit/helpers/certificate.ts'
import { launchBrowser } from './helpers/browser.ts'
import { openViewer } from './helpers/viewer.ts'
import type { BrowserWindow } from './helpers/window.ts'

const browser = await launchBrowser()
test.after(() => browser.close())

/** The certificate as somebody opens it, as it will be printed. */
async function openCertificate(certificate: Certificate) {
  const viewer = await openViewer(browser, 'about:blank')
  await viewer.page.setContent(certificateHtml(certificate))
  await viewer.page.emulateMedia({ media: 'print' })
  return viewer
}

/** Pages of the print: objects of the type Page in the PDF, which Chromium writes uncompressed. */
async function pagesOf(page: Page): Promise<number> {
  const pdf = await page.pdf({ preferCSSPageSize: true })
  return [...pdf.toString('latin1').matchAll(/\/Type\s*\/Page\b/g)].length
}

/** Sheets on which something is cut off, or stands on what is at the bottom: how far, in pixels. */
function crowded(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { document, getComputedStyle } = globalThis as unknown as BrowserWindow
    const found: string[] = []
    for (const [index, sheet] of [...document.querySelectorAll('.sheet')].entries()) {
      const limits = sheet.getBoundingClientRect()
      const bottom = sheet.querySelector('.bottom')
      const flow = [...sheet.children].filter((child) => child !== bottom && child.tagName !== 'FOOTER')
      const end = Math.max(...flow.map((child) => child.getBoundingClientRect().bottom))
      const room = bottom.getBoundingClientRect().top - end
      if (room < 0) found.push(`sheet ${index + 1}: ${Math.ceil(-room)} px over the bottom`)
      for (const element of sheet.querySelectorAll('*')) {
        const box = element.getBoundingClientRect()
        // What is in a cell of a list ends there with an ellipsis.
        const cut = getComputedStyle(element).display === 'inline' && element.closest('.list') !== null
        if (!cut && box.right > limits.right + 1)
          found.push(`sheet ${index + 1}: ${element.tagName} over the side`)
      }
      if (sheet.scrollHeight > sheet.clientHeight) found.push(`sheet ${index + 1}: cut off`)
    }
    return found
  })
}

const EVIL = `<script>globalThis.broken = true</script><img src="http://example.net/x" onerror="globalThis.broken = true">"'&\u202e`
const LONG = `${EVIL}漢字🧨e\u0301\u0323\u0489 ${'W'.repeat(400)} ${'l'.repeat(400)}\n`

/** Everything that may stand on a page, as long as can be, and meant ill. */
function worst(n: number, change: Partial<DiskResult> = {}): DiskResult {
  const ranges = Array.from({ length: 400 }, (_, i) => ({
    from: 2 ** 52 + i * 1024,
    to: 2 ** 52 + i * 1024 + 512,
  }))
  const { device, verification } = overwritten(n)
  const health = {
    ...HEALTH,
    percentageUsed: 104,
    spare: { available: 1, threshold: 10 },
    reallocated: 9e15,
    uncorrectable: 9e15,
    pending: 9e15,
    offlineUncorrectable: 9e15,
    warnings: Array.from({ length: 9 }, (_, i) => `${i}${LONG}`),
  }
  return overwritten(n, {
    device: {
      ...device,
      model: LONG,
      serial: `${n}${LONG}`,
      wwn: LONG,
      firmware: LONG,
      transport: LONG,
      path: `/dev/${n}${LONG}`,
      sizeBytes: 2 ** 53 - 1,
    },
    verdict: 'failed',
    reason: LONG,
    unwritten: { bytes: 2 ** 53 - 1, ranges },
    hiddenArea: { state: 'not restored', before: 2 ** 53 - 1, reason: LONG },
    ...(verification === null
      ? {}
      : {
          verification: {
            ...verification,
            mismatchedBytes: 2 ** 53 - 1,
            mismatches: ranges,
            unreadableBytes: 2 ** 53 - 1,
            unreadable: ranges,
            canariesFound: 64,
            uniform: 255,
            of: 2 ** 53 - 1,
          },
        }),
    errors: Array.from({ length: 300 }, () => LONG),
    endState: { state: 'failed', reason: LONG, evidence: { [LONG]: Array.from({ length: 50 }, () => LONG) } },
    smart: { before: known(HEALTH, LONG), after: known(health, LONG) },
    ...change,
  })
}

for (const count of [1, 3, 24]) {
  test(`${count} disks: a cover, and a page of A4 for each`, async () => {
    const disks = Array.from({ length: count }, (_, n) => (n % 2 === 0 ? overwritten(n) : sanitized(n)))
    await using viewer = await openCertificate(certificateOf(...disks))
    const { page } = viewer
    assert.is(await pagesOf(page), 1 + count)
    assert.equal(await crowded(page), [])
    assert.is(await page.getByText(`Page ${count + 1} of ${count + 1}`).count(), 1)
    // On the cover and on its own page.
    assert.is(await page.getByText('HDD-0000', { exact: true }).count(), 2)
    // Negative control: one sheet more is one page more.
    await page.evaluate(() => {
      const { document } = globalThis as unknown as BrowserWindow
      document.body.append(document.querySelector('.sheet').cloneNode(true))
    })
    assert.is(await pagesOf(page), 2 + count)
  })
}

test('the longest texts, all of them hostile: as many pages, nothing cut off, nothing run, nothing fetched', async () => {
  const left = Array.from({ length: 40 }, (_, n) => ({
    device: worst(200 + n).device,
    why: 'refused' as const,
    reason: LONG,
  }))
  const certificate = makeCertificate(
    input(
      Array.from({ length: 60 }, (_, n) => worst(n)),
      {
        host: { hostId: LONG, origin: LONG, serial: LONG, product: LONG },
        parties: { customer: LONG, operator: LONG, organisation: LONG, reference: LONG },
        speediso: { version: LONG, commit: LONG },
        leftAlone: left,
        unseen: Array.from({ length: 40 }, () => LONG),
      },
    ),
  )
  await using viewer = await openCertificate(certificate)
  const { page, requests, errors } = viewer
  assert.is(await pagesOf(page), 61)
  assert.equal(await crowded(page), [])
  assert.is(await page.evaluate(() => (globalThis as unknown as { broken?: boolean }).broken), undefined)
  assert.is(await page.locator('script, img').count(), 0)
  assert.equal([requests.filter((url) => !url.startsWith('about:')), errors], [[], []])
  assert.ok((await page.getByText('<script>').count()) > 0, 'it is shown as text')
  assert.is(await page.getByText('and 36 more, each on a page of its own').count(), 1)
  // Negative control: the same judge does see what is too much.
  await page.evaluate(() => {
    const { document } = globalThis as unknown as BrowserWindow
    const tall = document.createElement('p')
    tall.style.height = '250mm'
    document.querySelector('.sheet h1').after(tall)
  })
  assert.match((await crowded(page)).join(), /^sheet 1: \d+ px over the bottom/)
})

test('what the pages say: the result in words first, and NOT AN ERASURE of a quick run', async () => {
  const certificate = certificateOf(overwritten(), sanitized(1, { endState: null }), quick(2))
  await using viewer = await openCertificate(certificate)
  const { page } = viewer
  const words = await page
    .locator('.verdict')
    .evaluateAll((boxes) =>
      (boxes as unknown as { firstChild: { textContent: string } }[]).map(
        (box) => box.firstChild.textContent,
      ),
    )
  assert.equal(words, ['ERASURE FAILED', 'ERASED', 'ERASURE NOT PROVED', 'NOT AN ERASURE'])
  assert.equal(await crowded(page), [])
  assert.is(await page.getByText('NOT SIGNED').count(), 5, 'on the cover and in the line below each page')
})

test.run()
