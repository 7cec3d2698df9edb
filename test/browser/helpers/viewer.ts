import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { BrowserWindow } from './window.ts'

/** Somebody who looks at the page. */
export interface Viewer extends AsyncDisposable {
  readonly page: Page
  /** Everything that was asked of the network, websockets too. */
  readonly requests: string[]
  /** What went wrong in the script of the page. */
  readonly errors: string[]
  /** Texts of the lines of the log that are shown, without their times. */
  lines(): Promise<string[]>
  /** Waits until the page shows this. */
  sees(text: string | RegExp): Promise<void>
  /** Waits until the tab has this title. */
  titled(title: string): Promise<void>
  /** Waits until the log shows a line that holds this. */
  seesLine(text: string): Promise<void>
}

export async function openViewer(
  browser: Browser,
  address: string,
  options: BrowserContextOptions = {},
): Promise<Viewer> {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const requests: string[] = []
  const errors: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('websocket', (socket) => requests.push(socket.url()))
  page.on('pageerror', (error) => errors.push(error.message))
  await page.goto(address)
  const line = page.locator('.lines .line span')
  return {
    page,
    requests,
    errors,
    lines: () => line.allTextContents(),
    sees: (text) => page.getByText(text).first().waitFor(),
    titled: async (title) => {
      const isTitle = (wanted: string) => (globalThis as unknown as BrowserWindow).document.title === wanted
      await page.waitForFunction(isTitle, title)
    },
    seesLine: (text) => line.filter({ hasText: text }).first().waitFor({ state: 'attached' }),
    [Symbol.asyncDispose]: () => context.close(),
  }
}
