import type { Report } from '../report.ts'
import { facts } from './evidence.ts'
import { jobTable } from './job.ts'
import { html, Markup } from './markup.ts'
import { STYLE } from './style.ts'
import { problemList, taskSection } from './task.ts'
import { durationOf, timeOf } from './time.ts'
import { verdictMark } from './verdict.ts'

/** Nothing is fetched and nothing is run, even if some text should get past the escaping. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

/**
 * The report as one HTML document that needs nothing else, for a screen, a print on A4 or a ticket.
 * @param described each task's result as lines of text, in the order of the tasks; undefined where there are none
 */
export function reportPage(report: Report, described: readonly (readonly string[] | undefined)[]): string {
  const { host, verdict, reason, tasks } = report
  const word = verdict === null ? 'nothing was asked' : verdict.toUpperCase()
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${word}: ${tasks.map(({ task }) => task).join(', ')} on ${host.hostId}</title>
<link rel="icon" href="data:,">
<style>${new Markup(STYLE)}</style>
</head>
<body>
<header>
<h1>${verdictMark(verdict)}</h1>
${reason === undefined ? '' : html`<p class="reason">${reason}</p>`}
<p class="host">Host <strong>${host.hostId}</strong></p>
</header>
<main>
${problemList(report)}
<section>
<h2>Host and boot</h2>
${facts(aboutBoot(report))}
</section>
${tasks.map((task, index) => taskSection(task, described[index]))}
<section>
<h2>Job</h2>
<p>Kernel command line: <code>${report.command_line}</code></p>
${jobTable(report)}
</section>
</main>
<footer>${report.schema}, made by speediso ${report.speediso.version} (${report.speediso.commit})</footer>
</body>
</html>
`.text
}

/** The identity as it was read, and what ran when. */
function aboutBoot({
  host,
  speediso,
  image,
  kernel,
  boot_id,
  started,
  ended,
  seconds,
}: Report): Record<string, unknown> {
  const { hostId, origin, serial, uuid, hostname, macs, ...others } = host
  const known = Object.entries({ 'host id': hostId, 'host id from': origin, serial, UUID: uuid, hostname })
  return {
    ...Object.fromEntries(known.filter(([, value]) => value !== undefined && value !== '')),
    ...(Array.isArray(macs) ? { MACs: macs.map(macOf) } : {}),
    ...others,
    speediso: `${speediso.version} (${speediso.commit})`,
    image: image === null ? 'none' : `${image.version} (${image.id})`,
    kernel: kernel ?? 'unknown',
    'boot id': boot_id ?? 'unknown',
    started: timeOf(started),
    ended: `${timeOf(ended)}, after ${durationOf(seconds)}`,
  }
}

function macOf(card: unknown): string {
  const { name, mac, permanent } = Object(card) as Record<string, unknown>
  return `${mac} (${name}${permanent === true ? '' : ', not permanent'})`
}
