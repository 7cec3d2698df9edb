import { explainInLine, SpeedisoError } from '../../errors.ts'
import type { Clock } from '../../system/clock.ts'
import type { Emit } from '../events.ts'

/** Says what becomes of one thing that is delivered: each change of its state, not each attempt. */
export interface Voice {
  /** @param again whether it is tried again */
  failed(error: unknown, again?: boolean): void
  accepted(): void
  readonly attempts: number
  /** Null: none since it was last accepted. */
  readonly lastError: string | null
}

export interface VoiceDependencies {
  emit: Emit
  clock: Clock
  /** Called after each change. */
  changed?: () => void
  /** Milliseconds until a failure that goes on is said again; default one minute. */
  remind?: number
}

export function createVoice(label: string, deps: VoiceDependencies): Voice {
  const { emit, clock, changed, remind = 60_000 } = deps
  let attempts = 0
  let lastError: string | null = null
  let said = 0
  return {
    get attempts() {
      return attempts
    },
    get lastError() {
      return lastError
    },
    failed(error, again = true) {
      attempts += 1
      const first = lastError === null
      lastError = plain(error)
      if (first || !again || clock.monotonic() - said >= remind) {
        said = clock.monotonic()
        const what = again ? 'trying again' : 'given up'
        emit({ kind: 'log', level: again ? 'warning' : 'error', message: `${label}: ${lastError}; ${what}` })
      }
      changed?.()
    },
    accepted() {
      if (lastError !== null) {
        emit({ kind: 'log', level: 'info', message: `${label}: accepted after ${attempts + 1} attempts` })
      }
      attempts = 0
      lastError = null
      changed?.()
    },
  }
}

/** An error of ours says it all in its message; the causes below are those of a library. */
export function plain(error: unknown): string {
  return error instanceof SpeedisoError ? error.message : explainInLine(error)
}
