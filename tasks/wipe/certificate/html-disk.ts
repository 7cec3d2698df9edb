import type { Range } from '../../../src/system/disk-io/schema.ts'
import { facts, footer, line, people, type Row, verdictBox } from './html-parts.ts'
import { healthTable } from './html-smart.ts'
import { techniqueWords } from './levels.ts'
import { clip, firstOf, html, type Markup } from './markup.ts'
import type { Certificate, CertificateDisk } from './schema.ts'
import { durationWords, exactBytes, sizeWords, timeWords } from './words.ts'

const ERRORS = 3
const RANGES = 3

/** The page of one disk. */
export function diskSheet(certificate: Certificate, index: number): Markup {
  const disk = certificate.disks[index]
  if (disk === undefined) return html``
  const { device, verdict, reason, standard } = disk
  return html`<section class="sheet">
<h1>Erasure certificate: disk ${index + 1} of ${certificate.disks.length}</h1>
${verdictBox(verdict, [disk], clip(reason ?? standard, 300))}
<div class="columns">
<div><h2>Disk</h2>${facts([
    ['Model', device.model ?? 'unknown', 2],
    ['Serial number', device.serial ?? 'unknown', 2],
    ['WWN', device.wwn ?? 'unknown', 2],
    ['Firmware', device.firmware ?? 'unknown'],
    ['Attached by', `${device.transport}, ${mediaWords(device.rotational)}`],
    ['Size', `${sizeWords(device.sizeBytes)} (${exactBytes(device.sizeBytes)})`],
    ['Sectors', `${device.sectorBytes} bytes each`],
    ['Name then', device.path],
  ])}</div>
<div><h2>Erase</h2>${facts(eraseFacts(disk))}</div>
</div>
${verdict === 'passed' || reason === undefined ? '' : line(standard, 2)}
${passFacts(disk)}
<h2>Reading back</h2>
${facts(readFacts(disk), 150)}
${endState(disk)}
${errors(disk)}
${healthTable(disk.smart)}
<div class="bottom">${people(certificate)}</div>
${footer(certificate, index + 2)}
</section>`
}

function mediaWords(rotational: boolean | null): string {
  if (rotational === null) return 'medium unknown'
  return rotational ? 'rotating medium' : 'solid state'
}

function eraseFacts(disk: CertificateDisk): Row[] {
  const { method, levelAsked, levelReached, started, ended, seconds, bytesPerSecond, hiddenArea } = disk
  const before = hiddenArea.before === null ? '' : `, ${exactBytes(hiddenArea.before)} before`
  return [
    ['Method', techniqueWords(method), 2],
    ['Level asked', levelAsked],
    ['Level reached', levelReached],
    ['Started', started === null ? 'not' : timeWords(started)],
    ['Ended', ended === null ? 'not' : timeWords(ended)],
    ['Took', seconds === null ? 'unknown' : durationWords(seconds)],
    ['Rate', bytesPerSecond === null ? undefined : `${sizeWords(bytesPerSecond)}/s`],
    [
      'HPA, DCO',
      `${hiddenArea.state}${before}${hiddenArea.reason === undefined ? '' : `: ${hiddenArea.reason}`}`,
      2,
    ],
  ]
}

function passFacts({ passes, pattern, seed, bytesWritten, unwritten }: CertificateDisk): Markup | string {
  if (passes === null && bytesWritten === null && unwritten.count === 0) return ''
  return html`<h2>Writing</h2>${facts(
    [
      [
        'Passes',
        passes === null ? undefined : `${passes}${pattern === null ? '' : `, the last of ${pattern} bytes`}`,
      ],
      [
        'Seed',
        seed === null ? undefined : `${seed} (AES-256-CTR key stream, block counter = offset / 16)`,
        2,
      ],
      ['Written', bytesWritten === null ? undefined : exactBytes(bytesWritten)],
      ['Not written', bytesWords(unwritten.bytes, unwritten.first, unwritten.count)],
    ],
    150,
  )}`
}

function readFacts({ verification: read }: CertificateDisk): Row[] {
  if (read === null) return [['Result', 'nothing was read back']]
  const share = read.of === 0 ? '' : ` (${((read.bytesRead / read.of) * 100).toFixed(1)} %)`
  const found = read.canariesFound
  return [
    [
      'Mode',
      `${read.mode}, compared with ${read.expected === 'anything' ? 'what was there before (canaries)' : `the ${read.expected} bytes that were written`}`,
    ],
    ['Read', `${exactBytes(read.bytesRead)} of ${exactBytes(read.of)}${share}`],
    [
      'Different',
      read.expected === 'anything' ? undefined : bytesWords(read.mismatchedBytes, read.mismatches),
    ],
    ['Unreadable', bytesWords(read.unreadableBytes, read.unreadable)],
    ['Canaries', `${read.canariesChecked} looked for, ${found === 0 ? 'none' : found} found again`],
    [
      'Uniform',
      read.uniform === null
        ? undefined
        : `all of it was the byte ${read.uniform.toString(16).padStart(2, '0')}h`,
    ],
  ]
}

/** How many bytes, and where the first of them lie. */
function bytesWords(count: number, ranges: readonly Range[], total?: number): string {
  if (count === 0 && ranges.length === 0) return 'none'
  const { shown, more } = firstOf(ranges, RANGES, total)
  const where = shown.map(({ from, to }) => `${from} to ${to}`).join(', ')
  return `${exactBytes(count)}${where === '' ? '' : `, from ${where}`}${more > 0 ? ', and more' : ''}`
}

function endState({ endState: end }: CertificateDisk): Markup | string {
  if (end === null) return ''
  return html`<h2>What the drive said at the end: ${end.state}</h2>
${end.reason === undefined ? '' : line(end.reason)}${line(JSON.stringify(end.evidence), 4, 'code')}`
}

function errors({ errors: { count, first } }: CertificateDisk): Markup | string {
  if (count === 0) return ''
  const { shown, more } = firstOf(first, ERRORS, count)
  return html`<h2>Errors: ${count}</h2>${shown.map((each) => line(each))}
${more > 0 ? html`<p class="quiet">and ${more} more in the JSON document</p>` : ''}`
}
