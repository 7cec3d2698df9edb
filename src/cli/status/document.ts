import type { TaskView } from '../../live/page/model/view.ts'
import type { Status } from './read.ts'

/** The status for programs. Without the live log's token, which would follow the document wherever it is kept. */
export function statusDocument(status: Status): Record<string, unknown> {
  const { state, view, host, holder, report, live, delivery, unreadable } = status
  const { state: verdict, reason, after, commandLine, started, ended } = view.job
  return {
    schema: 'speediso.status/1',
    state,
    verdict: ended === undefined || verdict === 'none' ? null : verdict,
    reason,
    host,
    process: holder ?? null,
    started,
    ended,
    after,
    command_line: commandLine,
    tasks: view.tasks.map(taskDocument),
    problems: view.problems,
    last_event: { seq: view.last, time: view.time },
    report: report ?? null,
    live_log: live?.url ?? null,
    delivery: delivery ?? null,
    unreadable,
  }
}

function taskDocument({ name, state, reason, seconds, planned, steps }: TaskView): Record<string, unknown> {
  return {
    task: name,
    state,
    reason,
    seconds,
    planned,
    steps: steps.map(({ id, title, target, state, reason, seconds, progress }) => {
      return { step: id, title, target, state, reason, seconds, progress }
    }),
  }
}
