import { formatDuration } from '../../src/job/duration.ts'
import type { WipeResult } from './result.ts'

/** The outcome for people: a line or two a disk, the bad ones with their reason, then what was left alone. */
export function describeResult({ disks, leftAlone, certificate }: WipeResult): string[] {
  const lines: string[] = []
  for (const disk of disks) {
    const { path, serial, model, sizeBytes, verdict, reason, level, method, seconds, bytesPerSecond } = disk
    const names = [model, serial === undefined ? undefined : `serial ${serial}`].filter(
      (name) => name !== undefined,
    )
    const size = `${(sizeBytes / 1e9).toFixed(sizeBytes < 1e10 ? 2 : 0)} GB`
    lines.push(`${path}  ${size}  ${names.join(', ')}`.trimEnd())
    const speed = bytesPerSecond === null ? '' : ` at ${(bytesPerSecond / 1e6).toFixed(0)} MB/s`
    const time = seconds === null ? '' : ` in ${formatDuration(seconds * 1000)}${speed}`
    const how = method === null ? 'not begun' : `${method}${time}`
    lines.push(
      `  ${verdict.toUpperCase()}: ${verdict === 'passed' ? `${level}, ${how}` : `${how}; ${reason}`}`,
    )
  }
  if (leftAlone.length > 0) lines.push('Left alone')
  for (const { path, serial, reason } of leftAlone)
    lines.push(`  ${path}${serial === undefined ? '' : ` (serial ${serial})`}: ${reason}`)
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
