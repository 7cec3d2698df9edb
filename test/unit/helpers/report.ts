import { emptyJob } from '../../../src/job/empty.ts'
import { REPORT_SCHEMA, type Report, type StepReport } from '../../../src/runtime/report.ts'

const times = { started: '2026-01-02T03:04:05.678Z', ended: '2026-01-02T04:04:06.000Z', seconds: 3600.3 }

export function stepReport(over: Partial<StepReport> = {}): StepReport {
  return {
    id: 'a',
    kind: 'wipe',
    title: 'Wipe',
    verdict: 'passed',
    evidence: { sampled: 64 },
    ...times,
    ...over,
  }
}

/** The report of a wipe whose second disk failed; `text` stands wherever a machine or a tool could put one. */
export function wipeReport(text: string, over: Partial<Report> = {}): Report {
  const target = {
    path: `/dev/sdb${text}`,
    serial: `S-1${text}`,
    model: text,
    wwn: text,
    sizeBytes: 1000204886016,
  }
  const steps = [
    stepReport({ target: { path: '/dev/sda', serial: 'S-0' } }),
    stepReport({
      id: 'b',
      title: `Wipe the second ${text}`,
      target,
      verdict: 'failed',
      reason: `3 sectors differ ${text}`,
      evidence: {
        [text]: text,
        output: `first line\n${text}\nlast line`,
        nested: { list: [{ deep: text }] },
      },
    }),
    stepReport({ id: 'c', title: 'Wipe the third', verdict: 'unknown', reason: 'not run', evidence: {} }),
  ]
  const task = { task: 'wipe', facts: { disks: [text] }, steps, result: { [text]: text }, ...times }
  return {
    schema: REPORT_SCHEMA,
    speediso: { version: text, commit: text },
    image: { id: text, version: text },
    host: {
      hostId: `host ${text}`,
      origin: text,
      macs: [{ name: text, mac: text, permanent: true }],
      extra: text,
    },
    boot_id: text,
    kernel: text,
    command_line: `SPEEDISO=wipe ${text}`,
    job: {
      ...emptyJob(),
      tasks: [{ name: 'wipe', timeout: 86_400_000, options: { disks: [text], key: '***' } }],
      after: 'reboot',
      confirm: [text],
    },
    origins: {
      after: { from: 'command line', word: `speediso.after=reboot${text}` },
      confirm: { from: text },
    },
    problems: [{ from: text, parameter: text, message: text, hint: text }],
    verdict: 'failed',
    reason: `wipe: ${text}`,
    tasks: [{ ...task, verdict: 'failed', reason: text }],
    ...times,
    ...over,
  }
}
