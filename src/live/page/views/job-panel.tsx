import { count, duration } from '../model/units.ts'
import type { JobView } from '../model/view.ts'
import type { Shown } from '../session.ts'
import { Badge } from './badge.tsx'

/** The verdict of the job and what speaks against it. */
export function JobPanel({ shown }: { shown: Shown }) {
  const { view, heard } = shown
  const { job, problems, missing } = view
  return (
    <section class="job" data-kind={job.state} aria-label="Job">
      <div class="verdict">
        <div role="status">
          <span class="aside">Job: </span>
          <Badge kind={job.state} large />
        </div>
        <p class="facts">{factsOf(job, view.time, (performance.now() - heard) / 1000)}</p>
        {job.commandLine !== undefined && (
          <details class="command">
            <summary class="more">Kernel command line</summary>
            <code>{job.commandLine}</code>
          </details>
        )}
      </div>
      {job.reason !== undefined && <p class="reason">{job.reason}</p>}
      {problems.length > 0 && (
        <div class="problems" role="alert">
          <h2>{count(problems.length, 'problem')}</h2>
          <ul>
            {problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </div>
      )}
      {missing > 0 && (
        <p class="notice">
          {count(missing, 'event')} of this log never arrived; what is shown may be incomplete.
        </p>
      )}
    </section>
  )
}

/** @param since seconds since the last event, whose time is `last` */
function factsOf({ state, started, ended, after }: JobView, last: string | undefined, since: number): string {
  if (state === 'waiting') return 'The job has not begun.'
  if (state === 'none') return 'Nothing was asked: this machine stays up as a live system.'
  const from = started === undefined ? Number.NaN : Date.parse(started)
  const parts = [started === undefined ? '' : `Started ${started.slice(11, 19)} UTC`]
  if (ended === undefined) {
    const seconds = (Date.parse(last ?? '') - from) / 1000 + since
    parts.push(Number.isFinite(seconds) ? `running for ${duration(Math.max(0, Math.round(seconds)))}` : '')
  } else {
    const seconds = (Date.parse(ended) - from) / 1000
    parts.push(
      `ended ${ended.slice(11, 19)} UTC`,
      Number.isFinite(seconds) && seconds >= 0 ? `after ${duration(seconds)}` : '',
    )
  }
  const next = after === undefined ? '' : after === 'stay' ? '; the machine stays up' : `; then ${after}`
  return parts.filter((part) => part !== '').join(', ') + next
}
