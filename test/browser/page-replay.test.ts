import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { launchBrowser } from './helpers/browser.ts'
import { startHost } from './helpers/host.ts'
import { openViewer } from './helpers/viewer.ts'
import type { BrowserWindow } from './helpers/window.ts'

const EVENTS = 200_000

interface Answered extends BrowserWindow {
  /** What the page said of the replay when the pause was shown. */
  answered: string | undefined
}

/** Runs in the page: somebody quick, who clicks as soon as the replay is seen, and looks what comes of it. */
function pauseWhileCatchingUp(): void {
  const global = globalThis as unknown as Answered
  let clicked = false
  const look = () => {
    const pause = global.document.querySelector('.pause')
    const detail: string = global.document.querySelector('.link .detail')?.textContent ?? ''
    if (pause !== null && detail.startsWith('catching up')) {
      if (!clicked) pause.click()
      clicked = true
      if (pause.getAttribute('aria-pressed') === 'true') global.answered ??= detail
    }
    if (global.answered === undefined) setTimeout(look, 0)
  }
  look()
}

const browser = await launchBrowser()
test.after(() => browser.close())

test('a long replay: the page answers meanwhile, and then shows exactly what there is', async () => {
  await using host = await startHost()
  const { log } = host
  log.append({ kind: 'job.start', tasks: ['burn'], command_line: 'SPEEDISO=burn' })
  log.append({ kind: 'task.start', task: 'burn', steps: 1, timeout: 1000 })
  log.append({ kind: 'step.start', task: 'burn', step: 'a', title: 'Burn' })
  log.append({ kind: 'log', level: 'error', message: 'an early error' })
  const total = EVENTS
  for (let done = log.last; done < EVENTS; done += 1) {
    if (done % 4 !== 0)
      log.append({ kind: 'log', task: 'burn', step: 'a', level: 'info', message: `line ${done}` })
    else
      log.append({
        kind: 'step.progress',
        task: 'burn',
        step: 'a',
        done,
        total,
        unit: 'events',
        rate: 1,
        eta: 1,
      })
  }
  assert.is(log.last, EVENTS)

  await using viewer = await openViewer(browser, 'about:blank')
  const { page, seesLine, lines } = viewer
  await page.addInitScript(pauseWhileCatchingUp)
  await page.goto(host.address)
  await page.getByText(/ new events$/).waitFor()
  await page.getByText('catching up').waitFor({ state: 'detached' })
  // The click was taken, and its answer painted, before the replay was through.
  const answered = await page.evaluate(() => (globalThis as unknown as Answered).answered)
  const [, at] = /^catching up: event ([\d,]+) of 200,000$/.exec(answered ?? '') ?? []
  assert.ok(Number(at?.replaceAll(',', '')) < EVENTS, `when it answered: ${answered}`)
  await page.getByRole('button', { name: 'Go on' }).click()

  await seesLine(`line ${EVENTS - 1}`)
  const shown = await lines()
  assert.is(shown.length, 2000, 'lines in the document')
  assert.is(shown.at(-1), `burn/a: line ${EVENTS - 1}`)
  const numbers = shown.map((line) => Number(line.slice('burn/a: line '.length)))
  assert.ok(
    numbers.every((number, i) => i === 0 || number > (numbers[i - 1] ?? 0)),
    'in order, each once',
  )
  await page.getByText('Older lines are not shown here').waitFor()
  assert.is(await page.getByText('never arrived').count(), 0)
  await page.getByText(`${EVENTS - 4} events of`).waitFor()
  // The flood has not washed away what matters.
  await page.getByLabel('Show only lines of this level and above').selectOption('error')
  await seesLine('an early error')
  assert.equal(await lines(), ['error: an early error'])
  assert.equal(viewer.errors, [])
})

test('an event that is lost is not passed over in silence', async () => {
  await using host = await startHost()
  host.log.append({ kind: 'log', level: 'info', message: 'one' })
  host.log.append({ kind: 'log', level: 'info', message: 'two' })
  await using viewer = await openViewer(browser, 'about:blank')
  const { page } = viewer
  await page.routeWebSocket(/\/events/, (socket) => {
    const server = socket.connectToServer()
    server.onMessage((message) => {
      const lines = String(message).split('\n')
      socket.send(lines.filter((line) => !line.startsWith('{"seq":1,')).join('\n'))
    })
  })
  await page.goto(host.address)
  await viewer.seesLine('two')
  await viewer.sees('1 event of this log never arrived')
})

test.run()
