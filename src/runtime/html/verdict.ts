import type { Verdict } from '../verdict.ts'
import { html, type Markup } from './markup.ts'

/** Each verdict has a word, a shape and a sign of its own, so that it also reads in black and white. */
const SIGNS = {
  passed: html`<circle cx="16" cy="16" r="14"/><path d="M9 16.5l5 5 9-11"/>`,
  failed: html`<path class="shape" d="M10 2h12l8 8v12l-8 8H10l-8-8V10z"/><path d="M11 11l10 10M21 11L11 21"/>`,
  unknown: html`<path class="shape" d="M16 1l15 15-15 15L1 16z"/><path d="M12.5 13a3.5 3.5 0 1 1 5 3.2c-1 .6-1.5 1.2-1.5 2.3M16 22v.5"/>`,
  nothing: html`<rect x="2" y="8" width="28" height="16"/><path d="M10 16h12"/>`,
} as const

/** The verdict as word and shape; null: nothing was asked. */
export function verdictMark(verdict: Verdict | null): Markup {
  const word = verdict === null ? 'Nothing was asked' : verdict.toUpperCase()
  const name = verdict ?? 'nothing'
  return html`<span class="verdict ${name}"><svg viewBox="0 0 32 32" aria-hidden="true">${SIGNS[name]}</svg>${word}</span>`
}
