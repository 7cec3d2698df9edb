import { formatDuration } from '../../job/duration.ts'
import type { Report } from '../report.ts'
import { html, type Markup } from './markup.ts'

/** Fields that are durations in milliseconds. */
const DURATION = /(^|\.)(timeout|wait)$/

/** The effective job, each value with its origin; what somebody asked for comes before what is built in. */
export function jobTable({ job, origins }: Report): Markup {
  const rows = fieldsOf(job).map(([field, value]) => {
    const origin = origins[field] ?? { from: 'default' }
    return { field, value: shown(field, value), from: origin.from, word: origin.word }
  })
  const asked = rows.filter(({ from }) => from !== 'default')
  // What nobody has asked for and is not there is not worth a line.
  const builtIn = rows.filter(({ from, value }) => from === 'default' && value !== NONE)
  return html`<table class="job">
<thead><tr><th>Value</th><th>Is</th><th>From</th></tr></thead>
<tbody>${[...asked, ...builtIn].map(
    ({ field, value, from, word }) =>
      html`<tr${from === 'default' ? html` class="default"` : ''}><th scope="row">${field}</th><td>${value}</td><td>${from}${word === undefined ? '' : html`: <code>${word}</code>`}</td></tr>
`,
  )}</tbody></table>`
}

const NONE = 'none'

/** By the names that the origins have: `after`, `log.listen`, `wipe.level`. */
function fieldsOf(job: Report['job']): [field: string, value: unknown][] {
  const { schema: _, tasks, ...rest } = job
  const fields: [string, unknown][] = [['tasks', tasks.map(({ name }) => name)]]
  for (const { name, timeout, options } of tasks) {
    fields.push([`${name}.timeout`, timeout])
    for (const [key, value] of Object.entries(options)) fields.push([`${name}.${key}`, value])
  }
  for (const [name, value] of Object.entries(rest)) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) fields.push([name, value])
    else for (const [key, inner] of Object.entries(value)) fields.push([`${name}.${key}`, inner])
  }
  return fields
}

function shown(field: string, value: unknown): string {
  if (value === null || (Array.isArray(value) && value.length === 0)) return NONE
  if (typeof value === 'number' && DURATION.test(field)) return formatDuration(value)
  if (Array.isArray(value)) return value.map((item) => shown('', item)).join(', ')
  if (typeof value !== 'object') return String(value)
  const { address, port } = value as { address?: unknown; port?: unknown }
  return address === undefined ? JSON.stringify(value) : `${address}:${port}`
}
