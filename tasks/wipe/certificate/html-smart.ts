import type { SmartHealth } from '../../../src/system/block/smart-health.ts'
import { type Finding, knownValue } from '../../../src/system/finding.ts'
import { line } from './html-parts.ts'
import { firstOf, html, type Markup } from './markup.ts'
import type { CertificateDisk } from './schema.ts'

const LINES = 3

const ROWS: readonly [name: string, value: (health: SmartHealth) => string | number | null][] = [
  ['Own judgement', ({ passed }) => (passed === null ? null : passed ? 'good' : 'failing')],
  ['Power-on hours', ({ powerOnHours }) => powerOnHours],
  ['Temperature, °C', ({ temperatureC }) => temperatureC],
  ['Endurance used, %', ({ percentageUsed }) => percentageUsed],
  ['Spare left, %', ({ spare }) => spare?.available ?? null],
  ['Reallocated sectors', ({ reallocated }) => reallocated],
  ['Pending sectors', ({ pending }) => pending],
  ['Offline uncorrectable', ({ offlineUncorrectable }) => offlineUncorrectable],
  ['Uncorrectable errors', ({ uncorrectable }) => uncorrectable],
  ['Transfer errors', ({ interfaceErrors }) => interfaceErrors],
  ['Error log entries', ({ errorLogEntries }) => errorLogEntries],
]

/** Both readings beside each other, and what they say against the drive. */
export function healthTable({ before, after, difference }: CertificateDisk['smart']): Markup {
  const first = before === null ? undefined : knownValue(before)
  const last = after === null ? undefined : knownValue(after)
  const rows = ROWS.map(([name, read]) => ({
    name,
    first: first === undefined ? null : read(first),
    last: last === undefined ? null : read(last),
  })).filter((row) => row.first !== null || row.last !== null)
  const { shown, more } = firstOf(difference, LINES)
  // Beside each other, as a page has to do for it all.
  const half = Math.ceil(rows.length / 2)
  return html`<h2>Health of the drive (SMART)</h2>
<div class="columns">${[rows.slice(0, half), rows.slice(half)].map(readings)}</div>
${missing('Before', before)}${missing('After', after)}
${shown.map((text) => html`<b>${line(text)}</b>`)}${more > 0 ? html`<p>and ${more} more in the JSON document</p>` : ''}`
}

interface Reading {
  name: string
  first: string | number | null
  last: string | number | null
}

function readings(rows: readonly Reading[]): Markup | string {
  if (rows.length === 0) return ''
  return html`<table class="list"><thead><tr><th style="width:38mm">Reading</th><th>Before</th><th>After</th></tr></thead><tbody>
${rows.map(({ name, first, last }) => html`<tr><td>${name}</td><td>${first ?? 'not stated'}</td><td>${last ?? 'not stated'}</td></tr>`)}</tbody></table>`
}

function missing(when: string, finding: Finding<SmartHealth> | null): Markup | string {
  if (finding?.status === 'known') return ''
  if (finding === null) return html`<p>${when}: not asked</p>`
  return line(`${when}: ${finding.status}: ${finding.reason}`)
}
