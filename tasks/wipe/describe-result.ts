import { formatDuration } from '../../src/job/duration.ts'
import type { WipeResult } from './result.ts'
import { diskSize } from './sizes.ts'

/** The outcome for people: a line or two a disk, the bad ones with their reason, then what was left alone. */
export function describeResult({ disks, leftAlone, certificate }: WipeResult): string[] {
  const lines: string[] = []
  for (const disk of disks) {
    const { path, serial, model, sizeBytes, verdict, reason, level, method, seconds, bytesPerSecond } = disk
    const names = [model, serial === undefined ? undefined : `serial ${serial}`].filter(
      (name) => name !== undefined,
    )
    lines.push(`${path}  ${diskSize(sizeBytes)}  ${names.join(', ')}`.trimEnd())
    const speed = bytesPerSecond === null ? '' : ` at ${(bytesPerSecond / 1e6).toFixed(0)} MB/s`
    const time = seconds === null ? '' : ` in ${formatDuration(seconds * 1000)}${speed}`
    const how = method === null ? 'not begun' : `${method}${time}`
    const done = method === 'signatures' ? 'signatures removed, DATA STILL THERE' : `${level}, ${how}`
    lines.push(`  ${verdict.toUpperCase()}: ${verdict === 'passed' ? done : `${how}; ${reason}`}`)
  }
  const refused = leftAlone.filter((disk) => disk.refused)
  const asked = leftAlone.filter((disk) => !disk.refused)
  lines.push(...list('REFUSED, not erased', refused), ...list('Left alone, as asked', asked))
  if (certificate === null) {
    lines.push(
      'Signatures only: this is NOT an erasure, the data is still there, and there is no certificate',
    )
    return lines
  }
  const { signature } = certificate
  const signed = signature === null ? 'not signed' : `signed by key ${signature.keyFingerprint}`
  lines.push(`Certificate ${certificate.id}, ${signed}: in the report`)
  return lines
}

function list(title: string, disks: WipeResult['leftAlone']): string[] {
  const lines = disks.map(
    ({ path, serial, reason }) => `  ${path}${serial === undefined ? '' : ` (serial ${serial})`}: ${reason}`,
  )
  return lines.length === 0 ? [] : [title, ...lines]
}
