import type { Writable } from 'node:stream'
import { styleText } from 'node:util'
import { printable } from '../printable.ts'
import type { Event } from '../runtime/events.ts'
import { colour, colourEvent, formatEvent, formatProgress, formatTaskProgress } from '../runtime/format.ts'
import type { Clock } from '../system/clock.ts'

/** Where a log is shown. */
export interface Screen extends Disposable {
  /** Resolves when the output takes more. `host`: whose event it is, where there are several; `line`: as it was sent. */
  show(event: Event, about?: { host?: string; line?: string }): Promise<void>
  /** A message that is no event. */
  notice(message: string): void
}

/** A terminal, or what takes its place. */
export type Output = Writable & { isTTY?: boolean; columns?: number }

/** Milliseconds between two lines of progress of a step, where they stay. */
const PROGRESS_PAUSE = 1000
/** Milliseconds between two states of the status line. */
const STATUS_PAUSE = 100

const ERASE_LINE = '\r\x1b[2K'

/**
 * Shows a log: on a terminal with the running steps as one status line below it, else with their progress as a line a
 * second at most. Colours where the terminal has them and NO_COLOR is not set. As JSON: each event as it is, a line each.
 */
export function createScreen(stdout: Output, stderr: Writable, clock: Clock, json: boolean): Screen {
  const terminal = stdout.isTTY === true && !json
  // Node looks at the stream, at NO_COLOR and its kin.
  const coloured = terminal && styleText('red', 'x', { stream: stdout }) !== 'x'
  const running = new Map<string, { text: string; shown: number }>()
  let status = ''
  let drawn = Number.NEGATIVE_INFINITY

  const clear = () => {
    if (status !== '') stdout.write(ERASE_LINE)
    status = ''
  }
  const draw = () => {
    const all = [...running.values()].map(({ text }) => text).join(' · ')
    // A terminal that does not know its width says 0.
    const width = (stdout.columns || 80) - 1
    const next = all.length > width ? `${all.slice(0, width - 1)}…` : all
    if (next === status) return
    clear()
    status = next
    drawn = clock.monotonic()
    stdout.write(coloured ? colour('dim', next) : next)
  }
  /** Puts whole lines above the status line. */
  const print = (stream: Writable, line: string) => {
    if (terminal) clear()
    stream.write(`${line}\n`)
    if (terminal) draw()
  }

  /** Notes how far steps are; tells whether this event is a line of its own. */
  const track = (event: Event, prefix: string): boolean => {
    if (!['step.progress', 'step.end', 'task.progress', 'task.end'].includes(event.kind)) return true
    const { task, step: id } = event as Event & { task: string; step?: string }
    const step = `${prefix}${task}${id === undefined ? '' : `/${id}`}`
    if (event.kind !== 'step.progress' && event.kind !== 'task.progress') {
      running.delete(step)
      return true
    }
    const now = clock.monotonic()
    const shown = running.get(step)?.shown ?? Number.NEGATIVE_INFINITY
    const due = !terminal && now - shown >= PROGRESS_PAUSE
    const text = event.kind === 'step.progress' ? formatProgress(event) : formatTaskProgress(event)
    running.set(step, { text: printable(`${step}: ${text}`), shown: due ? now : shown })
    if (terminal && now - drawn >= STATUS_PAUSE) draw()
    return due
  }

  return {
    async show(event, { host, line } = {}) {
      const prefix = host === undefined ? '' : printable(`${host} `)
      if (json) print(stdout, harmless(line ?? JSON.stringify(event)))
      else if (track(event, prefix))
        print(stdout, prefix + (coloured ? colourEvent(event) : printable(formatEvent(event))))
      await writable(stdout)
    },
    notice: (message) => print(stderr, printable(message)),
    [Symbol.dispose]: clear,
  }
}

/** JSON without the control characters that it leaves as they are; the same document. */
function harmless(json: string): string {
  return json.replaceAll(/[\u007f-\u009f]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`)
}

/** Until the output takes more; one that is gone takes everything. */
async function writable(stream: Writable): Promise<void> {
  if (!stream.writableNeedDrain || stream.destroyed) return
  await new Promise<void>((resolve) => {
    const done = () => {
      for (const name of ENDS) stream.off(name, done)
      resolve()
    }
    for (const name of ENDS) stream.on(name, done)
  })
}

const ENDS = ['drain', 'error', 'close'] as const
