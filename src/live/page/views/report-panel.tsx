import type { ComponentChildren } from 'preact'
import type { TaskReport } from '../../../runtime/report.ts'
import { type InventoryDocument, summarize } from '../model/inventory.ts'
import { inventoryOf, reportFileName, type ShownReport } from '../model/report.ts'
import { count, duration } from '../model/units.ts'
import type { ReportState } from '../report-source.ts'
import { Badge } from './badge.tsx'

/** The report and what the job found out of the machine, once it has ended. */
export function ReportPanel({ state, onRetry }: { state: ReportState; onRetry(): void }) {
  if (state.name === 'none') return null
  const inventory = state.name === 'there' ? inventoryOf(state.report) : undefined
  return (
    <>
      {inventory !== undefined && <Inventory document={inventory} />}
      <section class="report" aria-labelledby="report">
        <h2 id="report">Report</h2>
        {state.name === 'loading' && <p>Fetching the report …</p>}
        {state.name === 'failed' && (
          <p class="notice" role="alert">
            No report: {state.why}.{' '}
            <button type="button" onClick={onRetry}>
              Try again
            </button>
          </p>
        )}
        {state.name === 'there' && <Report report={state.report} text={state.text} />}
      </section>
    </>
  )
}

function Report({ report, text }: { report: ShownReport; text: string }) {
  const { verdict, tasks, problems, started, ended, seconds, kernel } = report
  return (
    <>
      <dl class="rows">
        <Row label="Verdict">
          <Badge kind={verdict ?? 'none'} />
        </Row>
        {tasks.map((task, index) => (
          <Row key={index} label={task.task}>
            <TaskLines task={task} />
          </Row>
        ))}
        {problems.map(({ parameter, message, hint }) => (
          <Row key={parameter} label="Problem">
            {parameter}: {message}
            {hint !== undefined && `; ${hint}`}
          </Row>
        ))}
        <Row label="Time">
          {clock(started)} to {clock(ended)} UTC, {duration(seconds)}
        </Row>
        {kernel !== null && <Row label="Kernel">{kernel}</Row>}
      </dl>
      <button type="button" onClick={() => download(reportFileName(report), text)}>
        Download as JSON
      </button>
    </>
  )
}

/** Verdict of a task, and the reason of each step that did not pass, or its own when there is no step. */
function TaskLines({ task }: { task: TaskReport }) {
  const { verdict, reason, steps, seconds } = task
  const reasons =
    steps.length === 0
      ? [{ verdict, text: reason }]
      : steps.map((step) => ({ verdict: step.verdict, text: `${step.title}: ${step.reason}` }))
  return (
    <>
      <p class="outcome">
        <Badge kind={verdict} />
        {steps.length > 0 && `${count(steps.length, 'step')}, ${duration(seconds)}`}
      </p>
      {reasons
        .filter((each) => each.verdict !== 'passed')
        .map((each, index) => (
          <p key={index} class="line" data-kind={each.verdict}>
            {each.text}
          </p>
        ))}
    </>
  )
}

function Inventory({ document }: { document: InventoryDocument }) {
  return (
    <section class="inventory" aria-labelledby="inventory">
      <h2 id="inventory">Inventory</h2>
      <dl class="rows">
        {summarize(document).map(({ label, lines }) => (
          <Row key={label} label={label}>
            {lines.map((line, index) => (
              <p key={index} class="line">
                {line}
              </p>
            ))}
          </Row>
        ))}
      </dl>
    </section>
  )
}

function Row({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </>
  )
}

function clock(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)}`
}

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  URL.revokeObjectURL(url)
}
