import type { Verdict } from '../../../src/runtime/verdict.ts'
import { type Content, clip, html, type Markup } from './markup.ts'
import type { Certificate, CertificateDisk } from './schema.ts'
import { verdictWords } from './words.ts'

/** Characters and lines of a value. */
const TEXT = 90
export type Row = readonly [name: string, value: string | undefined, lines?: 1 | 2]

/** The result first, in words, then in colour. */
export function verdictBox(
  verdict: Verdict,
  disks: readonly Pick<CertificateDisk, 'method'>[],
  more: Content,
): Markup {
  return html`<div class="verdict ${verdict}">${verdictWords(verdict, disks)}<small class="l3">${more}</small></div>`
}

/** Names and values; those without a value are left out. */
export function facts(rows: readonly Row[], most = TEXT): Markup {
  return html`<table>${rows
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value, lines = 1]) =>
        html`<tr><th scope="row">${name}</th><td><span class="l${lines}">${clip(value ?? '', most)}</span></td></tr>`,
    )}</table>`
}

/** A line of its own. */
export function line(text: string, lines: 1 | 2 | 4 = 1, more = ''): Markup {
  return html`<p class="l${lines} ${more}">${clip(text, 150 * lines)}</p>`
}

/** Where people sign by hand. */
export function people(certificate: Certificate): Markup {
  const { operator, customer } = certificate.parties
  const field = (who: string, name: string | undefined) =>
    html`<div class="l1">${who}${name === undefined ? '' : ` (${clip(name, 40)})`}: name, date, signature</div>`
  return html`<div class="people">${field('Carried out by', operator)}${field('Witnessed by', customer)}</div>`
}

export function footer(certificate: Certificate, page: number): Markup {
  const signed = certificate.signature === null ? 'NOT SIGNED' : 'digitally signed'
  const pages = certificate.disks.length + 1
  return html`<footer><span>Certificate ${certificate.id}, ${signed}</span><span>speediso ${clip(certificate.speediso.version, 20)}</span><span>Page ${page} of ${pages}</span></footer>`
}
