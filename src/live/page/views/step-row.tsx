import { useState } from 'preact/hooks'
import { percentOf } from '../model/percent.ts'
import { amount, duration } from '../model/units.ts'
import type { Progress, Reading, StepView } from '../model/view.ts'
import { Icon } from './badge.tsx'
import { WORDS } from './words.ts'

export function StepRow({ step }: { step: StepView }) {
  const { state, title, target, progress, readings, reason, seconds, evidence } = step
  const device = describeTarget(target, title)
  const shown = Object.entries(readings)
  return (
    <li class="step" data-kind={state}>
      <Icon kind={state} />
      <div class="what">
        <span class="aside">{WORDS[state]}: </span>
        {title}
        {device !== '' && <span class="target">{device}</span>}
      </div>
      <span class="time">{seconds === undefined ? '' : duration(seconds)}</span>
      {progress !== undefined && <Bar progress={progress} title={title} running={state === 'running'} />}
      {reason !== undefined && <p class="reason">{reason}</p>}
      {shown.length > 0 && (
        <p class="readings">
          {shown.map(([name, reading]) => (
            <span key={name}>
              {name} <b>{describeReading(reading)}</b>
            </span>
          ))}
        </p>
      )}
      {evidence !== undefined && Object.keys(evidence).length > 0 && <Evidence evidence={evidence} />}
    </li>
  )
}

function Bar({ progress, title, running }: { progress: Progress; title: string; running: boolean }) {
  const { done, total, unit, rate, eta } = progress
  const percent = percentOf(progress)
  const parts = [
    percent === undefined
      ? amount(done, unit)
      : `${percent.toFixed(1)} %, ${amount(done, unit)} of ${amount(total, unit)}`,
    running && rate !== null ? `${amount(rate, unit)}/s` : '',
    running && eta !== null ? `${duration(Math.ceil(eta))} left` : '',
  ]
  return (
    <div class="bar">
      {percent === undefined ? (
        <progress aria-label={title} />
      ) : (
        <progress aria-label={title} max={100} value={percent} />
      )}
      <span class="figures">
        {parts.map((part, index) => (
          <span key={index}>{part}</span>
        ))}
      </span>
    </div>
  )
}

/** What backs the verdict; written out only when somebody looks at it. */
function Evidence({ evidence }: { evidence: Readonly<Record<string, unknown>> }) {
  const [open, setOpen] = useState(false)
  return (
    <details class="evidence" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary class="more">Evidence</summary>
      {open && <pre>{JSON.stringify(evidence, null, 2)}</pre>}
    </details>
  )
}

function describeReading({ value, unit }: Reading): string {
  if (typeof value === 'number') return amount(value, unit ?? '')
  return unit === undefined ? String(value) : `${value} ${unit}`
}

/** The exact device: path (unless the title has it), model, serial, size. */
function describeTarget(target: StepView['target'], title: string): string {
  if (target === undefined) return ''
  const { path, model, serial, sizeBytes } = target
  return [
    title.includes(text(path)) ? '' : text(path),
    text(model),
    text(serial) === '' ? '' : `serial ${text(serial)}`,
    typeof sizeBytes === 'number' ? amount(sizeBytes, 'bytes') : '',
  ]
    .filter((part) => part !== '')
    .join(' · ')
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
