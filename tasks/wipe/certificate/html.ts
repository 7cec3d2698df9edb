import { coverSheet } from './html-cover.ts'
import { diskSheet } from './html-disk.ts'
import { html, Markup } from './markup.ts'
import type { Certificate } from './schema.ts'
import { STYLE } from './style.ts'
import { verdictWords } from './words.ts'

/** Nothing is fetched and nothing is run, even if some text should get past the escaping. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

/**
 * The certificate for people, as one HTML document that needs nothing else: a cover and one page of A4 for each disk.
 * It shows what the document says; whether the document is genuine, checkCertificate tells.
 */
export function certificateHtml(certificate: Certificate): string {
  const { verdict, disks, host } = certificate
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${verdictWords(verdict, disks)}: erasure certificate of ${host.hostId}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
${coverSheet(certificate)}
${disks.map((_, index) => diskSheet(certificate, index))}
</body>
</html>
`.text
}
