import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

/** The browser of this machine, without a screen. */
export async function launchBrowser(): Promise<Browser> {
  const candidates = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((dir) => NAMES.map((name) => join(dir, name)))
  const executablePath = candidates.find((path) => existsSync(path))
  if (executablePath === undefined) throw new Error(`none of ${NAMES.join(', ')} is on PATH`)
  // Its sandbox cannot be had by root.
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
}
