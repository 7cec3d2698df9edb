import { count, duration } from '../model/units.ts'
import type { TaskView } from '../model/view.ts'
import { Badge } from './badge.tsx'
import { StepRow } from './step-row.tsx'

export function TaskPanel({ tasks }: { tasks: readonly TaskView[] }) {
  if (tasks.length === 0) return null
  return (
    <section aria-labelledby="tasks">
      <h2 id="tasks">Tasks</h2>
      {tasks.map((task, index) => (
        // A task may be there twice, and none changes its place.
        <Task key={index} task={task} />
      ))}
    </section>
  )
}

function Task({ task }: { task: TaskView }) {
  const { name, state, reason, seconds, steps } = task
  const head = (
    <>
      <Badge kind={state} />
      <h3>{name}</h3>
      <span class="tally">{tally(task)}</span>
      <span class="time">{seconds === undefined ? '' : duration(seconds)}</span>
    </>
  )
  return (
    <article class="task" data-kind={state} aria-label={`task ${name}`}>
      {reason === undefined && steps.length === 0 ? (
        <div class="summary">{head}</div>
      ) : (
        // What has passed is folded; what needs eyes is open.
        <details open={state !== 'passed'}>
          <summary class="summary">{head}</summary>
          {reason !== undefined && <p class="reason">{reason}</p>}
          {steps.length > 0 && (
            <ol class="steps">
              {steps.map((step) => (
                <StepRow key={step.id} step={step} />
              ))}
            </ol>
          )}
        </details>
      )}
    </article>
  )
}

function tally({ state, planned, eta, steps }: TaskView): string {
  if (state === 'waiting' || (planned === 0 && steps.length === 0)) return ''
  const ended = steps.filter((step) => step.state !== 'running').length
  if (state === 'running') {
    const left = eta === null ? '' : `, about ${duration(eta)} left`
    return `${ended} of ${count(planned, 'step')} done${left}`
  }
  const failed = steps.filter((step) => step.state === 'failed').length
  const unknown = steps.filter((step) => step.state === 'unknown').length
  const notRun = Math.max(0, planned - steps.length)
  const parts = [
    count(Math.max(planned, steps.length), 'step'),
    failed === 0 ? '' : `${failed} failed`,
    unknown === 0 ? '' : `${unknown} unknown`,
    notRun === 0 ? '' : `${notRun} not run`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}
