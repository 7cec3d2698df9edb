import { type Content, html, type Markup } from './markup.ts'

/**
 * A value under a line that folds it away on a screen; a print shows it in full. The value stands beside the folding
 * element and not in it, because browsers differ in how they let a print open one.
 */
export function folded(title: Content, value: Content): Markup {
  return html`<details><summary>${title}</summary></details><div class="folded">${value}</div>`
}

/** Names and values of a document: plain ones in a line each, others as JSON. */
export function facts(document: Readonly<Record<string, unknown>>): Markup {
  const rows = Object.entries(document).map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td>${shown(value)}</td></tr>`,
  )
  return html`<table class="facts">${rows}</table>`
}

/** Characters of JSON that fit in a line of their own. */
const LINE = 100

function shown(value: unknown): Content {
  if (Array.isArray(value) && value.length > 0 && value.every(isPlain)) return value.map(String).join(', ')
  if (typeof value === 'string') return value === '' ? '""' : html`<span class="text">${value}</span>`
  return isPlain(value) ? String(value) : json(value)
}

function json(value: unknown): Markup {
  const line = JSON.stringify(value)
  return line.length <= LINE ? html`<code>${line}</code>` : html`<pre>${JSON.stringify(value, null, 2)}</pre>`
}

function isPlain(value: unknown): boolean {
  return typeof value !== 'object' || value === null
}

/** Any value of a report. */
export function anything(value: unknown): Markup {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? facts(value as Record<string, unknown>)
    : json(value)
}
