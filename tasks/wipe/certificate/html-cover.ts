import { createHash } from 'node:crypto'
import { signedBytes } from './canonical.ts'
import { facts, footer, people, verdictBox } from './html-parts.ts'
import { clip, firstOf, html, type Markup } from './markup.ts'
import type { Certificate, CertificateDisk } from './schema.ts'
import { sizeWords, timeWords, verdictWords } from './words.ts'

/** Rows that fit on the cover; the disks that are left out there have pages of their own. */
const DISKS = 24
const LEFT_ALONE = 3
const UNSEEN = 2

/** The first page: who, what, and the result of each disk. */
export function coverSheet(certificate: Certificate): Markup {
  const { id, issued, speediso, host, parties, verdict, reason, disks, statement } = certificate
  return html`<section class="sheet">
<h1>Erasure certificate</h1>
${verdictBox(verdict, disks, clip(reason ?? `${disks.length} of ${disks.length} disks, each proved by reading back`, 260))}
<div class="columns">
<div><h2>Document</h2>${facts([
    ['Certificate', id, 2],
    ['Issued', timeWords(issued)],
    ['Made by', `speediso ${speediso.version} (${speediso.commit})`],
    ['Host id', host.hostId, 2],
    ['Host serial', host.serial],
    ['Product', host.product, 2],
  ])}</div>
<div><h2>Parties</h2>${facts([
    ['Customer', parties.customer ?? 'not stated', 2],
    ['Carried out by', parties.organisation ?? 'not stated', 2],
    ['Operator', parties.operator ?? 'not stated', 2],
    ['Reference', parties.reference ?? 'not stated', 2],
    ['Asked for', certificate.scope === 'all' ? 'every disk of the machine' : 'the disks that are listed'],
  ])}</div>
</div>
${diskTable(disks)}
${leftAlone(certificate)}
${unseen(certificate)}
<div class="bottom">
<p class="quiet l4">${clip(statement, 600)}</p>
${signature(certificate)}
${people(certificate)}
</div>
${footer(certificate, 1)}
</section>`
}

function diskTable(disks: readonly CertificateDisk[]): Markup {
  const rows = disks.map((disk, index) => ({ disk, page: index + 2 }))
  // Where not all fit, those that did not pass come first.
  const ordered =
    rows.length <= DISKS ? rows : rows.toSorted((a, b) => rank(a.disk) - rank(b.disk) || a.page - b.page)
  const { shown, more } = firstOf(ordered, DISKS)
  return html`<h2>Disks: ${disks.length}</h2>
<table class="list"><thead><tr><th style="width:9mm">Page</th><th style="width:40mm">Model</th><th style="width:37mm">Serial</th><th style="width:15mm">Size</th><th style="width:27mm">Level</th><th>Result</th></tr></thead><tbody>
${shown.map(
  ({ disk: { device, verdict, method, levelReached }, page }) =>
    html`<tr><td>${page}</td><td>${clip(device.model ?? 'unknown', 60)}</td><td>${clip(device.serial ?? 'unknown', 60)}</td><td>${sizeWords(device.sizeBytes)}</td><td>${verdict === 'passed' ? levelReached : 'none'}</td><td class="${verdict}"><b>${verdictWords(verdict, [{ method }])}</b> <span class="quiet">${method ?? ''}</span></td></tr>`,
)}
</tbody></table>
${more > 0 ? html`<p>and ${more} more, each on a page of its own</p>` : ''}`
}

function rank({ verdict }: CertificateDisk): number {
  return { failed: 0, unknown: 1, passed: 2 }[verdict]
}

function leftAlone({ leftAlone: list }: Certificate): Markup | string {
  if (list.length === 0) return ''
  const { shown, more } = firstOf(list, LEFT_ALONE)
  return html`<h2>Left alone, with all that is on them: ${list.length}</h2>
<table class="list"><tbody>${shown.map(
    ({ device, why, reason }) =>
      html`<tr><td style="width:77mm">${clip(device.model ?? 'unknown', 40)}, ${clip(device.serial ?? device.path, 40)}</td><td><b>${why}</b>: ${clip(reason, 100)}</td></tr>`,
  )}</tbody></table>${more > 0 ? html`<p>and ${more} more in the JSON document</p>` : ''}`
}

function unseen({ unseen: list }: Certificate): Markup | string {
  if (list.length === 0) return ''
  const { shown, more } = firstOf(list, UNSEEN)
  return html`<h2>Not every drive may have been seen</h2>
<table class="list"><tbody>${shown.map((line) => html`<tr><td>${clip(line, 130)}</td></tr>`)}</tbody></table>
${more > 0 ? html`<p>and ${more} more in the JSON document</p>` : ''}`
}

/** What ties the paper to the JSON document. */
function signature(certificate: Certificate): Markup {
  const digest = createHash('sha256').update(signedBytes(certificate)).digest('hex')
  const { signature: signed } = certificate
  return html`<p>${
    signed === null
      ? html`<b class="unknown">NOT SIGNED:</b> nothing shows who made this document, or that it is unchanged.`
      : html`Signed with the Ed25519 key <code>${clip(signed.keyFingerprint, 60)}</code>. To check it: <code>speediso wipe --check-certificate FILE --key KEY</code>`
  }<br>SHA-256 of the canonical JSON: <code>${digest}</code></p>`
}
