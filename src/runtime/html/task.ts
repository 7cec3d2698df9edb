import type { Report, StepReport, TaskReport } from '../report.ts'
import { anything, facts, folded } from './evidence.ts'
import { html, type Markup } from './markup.ts'
import { durationOf, timeOf } from './time.ts'
import { verdictMark } from './verdict.ts'

/** One task: verdict, result, steps with their evidence, and the facts that it started from. */
export function taskSection(task: TaskReport, described: readonly string[] | undefined): Markup {
  const { verdict, reason, steps, result } = task
  return html`<section class="task">
<h2>${task.task} ${verdictMark(verdict)}</h2>
<p>${reason === undefined ? '' : html`<strong class="reason">${reason}</strong><br>`}
${timeOf(task.started)} to ${timeOf(task.ended)}, ${durationOf(task.seconds)}</p>
${described === undefined ? '' : html`<h3>Result</h3><pre class="result">${described.join('\n')}</pre>`}
${described === undefined && result !== null ? folded('Result', anything(result)) : ''}
<h3>Steps</h3>
${steps.length === 0 ? html`<p>No step was run.</p>` : stepTable(steps)}
${task.facts === null ? '' : folded('Facts read before anything was changed', anything(task.facts))}
</section>`
}

function stepTable(steps: readonly StepReport[]): Markup {
  const targets = steps.some(({ target }) => target !== undefined)
  return html`<table class="steps">
<thead><tr><th>Step</th>${targets ? html`<th>Target</th>` : ''}<th>Verdict</th><th class="time">Time</th></tr></thead>
${steps.map((step) => stepRows(step, targets))}</table>`
}

function stepRows(
  { title, target, verdict, reason, evidence, seconds, started }: StepReport,
  targets: boolean,
): Markup {
  const none = Object.keys(evidence).length === 0
  return html`<tbody>
<tr><td>${title}</td>${targets ? html`<td>${targetOf(target)}</td>` : ''}<td>${verdictMark(verdict)}</td><td class="time" title="${timeOf(started)}">${durationOf(seconds)}</td></tr>
<tr class="more"><td colspan="4">${reason === undefined ? '' : html`<p class="reason">${reason}</p>`}${none ? html`<p>No evidence.</p>` : folded('Evidence', facts(evidence))}</td></tr>
</tbody>
`
}

function targetOf(target: StepReport['target']): Markup | string {
  if (target === undefined) return ''
  const { path, serial, wwn, model, sizeBytes } = target
  const rest = [
    model,
    serial === undefined ? undefined : html`serial <strong>${serial}</strong>`,
    wwn,
    sizeBytes === undefined ? undefined : `${sizeBytes.toLocaleString('en')} bytes`,
  ].filter((part) => part !== undefined)
  return html`<code>${path}</code>${rest.map((part) => html`<br>${part}`)}`
}

export function problemList({ problems }: Report): Markup | string {
  if (problems.length === 0) return ''
  return html`<section><h2>Problems</h2><p>No task was run, because what was asked is not valid:</p><ul>${problems.map(
    ({ from, parameter, message, hint }) =>
      html`<li>${from === undefined ? '' : `${from}: `}<code>${parameter}</code>: ${message}${hint === undefined ? '' : `; ${hint}`}</li>`,
  )}</ul></section>`
}
