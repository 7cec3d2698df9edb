import { lowestPercent } from '../model/percent.ts'
import type { State } from '../model/view.ts'
import type { Shown } from '../session.ts'
import { WORDS } from './words.ts'

const COLOURS: Record<State, string> = {
  waiting: '#6b7683',
  running: '#1f6feb',
  none: '#6b7683',
  passed: '#1a7f37',
  failed: '#cf222e',
  unknown: '#bf8700',
}

const SHAPES: Record<State, string> = {
  waiting: '<circle cx="8" cy="8" r="5" fill="none" stroke-width="3"/>',
  running: '<path d="M4 2l10 6-10 6z" stroke="none"/>',
  none: '<path d="M3 8h10" stroke-width="3"/>',
  passed: '<path d="M2 8l4 5 8-10" fill="none" stroke-width="3"/>',
  failed: '<path d="M3 3l10 10M13 3L3 13" stroke-width="3"/>',
  unknown: '<path d="M8 1l7 7-7 7-7-7z" stroke="none"/>',
}

/** Title and icon of the tab tell how it stands, for who has twenty of them open. */
export function showInTab({ view, hello, link }: Shown): void {
  const { state } = view.job
  const percent = state === 'running' ? lowestPercent(view) : undefined
  const away = link.name === 'live' || link.name === 'connecting' ? '' : `${WORDS[link.name]} · `
  const word = percent === undefined ? WORDS[state] : `${Math.floor(percent)} %`
  const title = hello === undefined ? 'speediso' : `${away}${word} · ${hello.host}`
  if (document.title !== title) document.title = title
  const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]')
  const colour = COLOURS[state]
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="${colour}" stroke="${colour}">${SHAPES[state]}</svg>`
  const href = `data:image/svg+xml,${encodeURIComponent(svg)}`
  if (icon !== null && icon.getAttribute('href') !== href) icon.setAttribute('href', href)
}
