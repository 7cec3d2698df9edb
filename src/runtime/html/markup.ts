import { printable } from '../../printable.ts'

/** Text that is HTML already; values become one by `html` alone. */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What may stand in a template; nothing is shown of null and undefined. */
export type Content = string | number | Markup | null | undefined | readonly Content[]

/** A template whose values are escaped, save those that are HTML already; right in text and in quoted attributes. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(
    parts.map((part, index) => `${part}${index < values.length ? render(values[index]) : ''}`).join(''),
  )
}

function render(value: Content): string {
  if (value === null || value === undefined) return ''
  if (value instanceof Markup) return value.text
  if (typeof value === 'object') return value.map(render).join('')
  return escaped(String(value))
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Characters that turn the direction of text around could make a line read as another one. */
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

function escaped(text: string): string {
  return text
    .split('\n')
    .map(printable)
    .join('\n')
    .replaceAll(DIRECTION, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? '')
}
