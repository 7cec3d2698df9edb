import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { launchBrowser } from './helpers/browser.ts'
import { startHost } from './helpers/host.ts'
import { shrinkPng } from './helpers/png.ts'
import { storyClock, tellWipeHalfWay } from './helpers/story.ts'

// Writes the picture of the live log's page that stands in the README:
//   sh packaging/setup/run test/browser/screenshot.ts [--scheme dark] [--width 360 --height 740] [FILE]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scheme: { type: 'string', default: 'light' },
    width: { type: 'string', default: '1280' },
    height: { type: 'string', default: '800' },
  },
})
const path = positionals[0] ?? join(import.meta.dirname, '../../docs/live-page.png')

const clock = storyClock('2026-11-21T03:00:12Z')
await using host = await startHost({ hostId: '4c4c4544-0043-5a10-8031-b7c04f313233', now: clock.now })
await using browser = await launchBrowser()
tellWipeHalfWay(host.log, clock)
const view = await browser.newPage({
  viewport: { width: Number(values.width), height: Number(values.height) },
  colorScheme: values.scheme === 'dark' ? 'dark' : 'light',
  reducedMotion: 'reduce',
})
await view.goto(host.address)
await view.getByText('no error so far').first().waitFor()
const picture = await view.screenshot({ fullPage: Number(values.width) < 900 })
await writeFile(path, shrinkPng(picture))
process.stdout.write(`${path}\n`)
