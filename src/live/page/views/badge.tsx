import type { ComponentChild } from 'preact'
import type { State } from '../model/view.ts'
import { WORDS } from './words.ts'

/** Each has a shape of its own: a badge is read without its colour too. */
const SHAPES: Record<State | 'live', ComponentChild> = {
  live: <circle class="solid" cx="12" cy="12" r="7" />,
  waiting: <circle cx="12" cy="12" r="8" />,
  running: (
    <>
      <circle class="track" cx="12" cy="12" r="9.5" />
      <path class="turn" d="M12 2.5a9.5 9.5 0 0 1 9.5 9.5" />
      <path class="solid" d="M10 8v8l6-4z" />
    </>
  ),
  none: <path d="M5 12h14" />,
  passed: (
    <>
      <circle class="solid" cx="12" cy="12" r="10.5" />
      <path class="cut" d="M7 12.5l3.5 3.5L17 8.5" />
    </>
  ),
  failed: (
    <>
      <path class="solid" d="M7.7 1.5h8.6l6.2 6.2v8.6l-6.2 6.2H7.7l-6.2-6.2V7.7z" />
      <path class="cut" d="M8 8l8 8M16 8l-8 8" />
    </>
  ),
  unknown: (
    <>
      <path class="solid" d="M12 .5L23.5 12 12 23.5.5 12z" />
      <path class="cut" d="M9.5 9.7a2.5 2.5 0 1 1 3.8 2.2c-.9.5-1.3 1-1.3 2" />
      <path class="cut" d="M12 17v.01" />
    </>
  ),
}

export function Icon({ kind }: { kind: State | 'live' }) {
  return (
    <svg class="icon" data-kind={kind} viewBox="0 0 24 24" aria-hidden="true">
      {SHAPES[kind]}
    </svg>
  )
}

/** Shape, colour and word of a state. */
export function Badge({ kind, large = false }: { kind: State; large?: boolean }) {
  return (
    <span class={large ? 'badge large' : 'badge'} data-kind={kind}>
      <Icon kind={kind} />
      {WORDS[kind]}
    </span>
  )
}
