import { printable } from '../../../src/printable.ts'

/** Text that is HTML already; values become one by `html` alone. */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Content = string | number | Markup | undefined | readonly Content[]

/** A template whose values are escaped, save those that are HTML already; right in text and in quoted attributes. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(parts.map((part, index) => part + render(values[index])).join(''))
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function render(value: Content): string {
  if (value === undefined) return ''
  if (value instanceof Markup) return value.text
  if (typeof value === 'object') return value.map(render).join('')
  // Control characters and those that turn the direction around could make a line read as another one.
  return printable(String(value)).replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? '')
}

/** A text for a place of limited size: what is cut off is told. The whole stands in the JSON document. */
export function clip(text: string, most: number): string {
  const characters = [...text]
  if (characters.length <= most) return text
  const tail = `… (${characters.length} characters)`
  return `${characters.slice(0, Math.max(0, most - tail.length)).join('')}${tail}`
}

/** The first few of a list, and how many more there are. */
export function firstOf<T>(
  items: readonly T[],
  most: number,
  total = items.length,
): { shown: readonly T[]; more: number } {
  const shown = items.slice(0, most)
  return { shown, more: total - shown.length }
}
