import type { MachineRoot } from '../../system/machine-root.ts'
import type { Event } from '../events.ts'
import { formatEvent } from '../format.ts'
import { type ConsoleWriter, openConsoleWriter, TICK } from './console-writer.ts'
import { type Progress, progressLine, type TaskProgress } from './progress-line.ts'

/** The kernel's consoles, as one place for what people at the machine have to see. */
export interface Consoles {
  /** How many there are. */
  readonly count: number
  show(event: Event): void
  /** A line that is no event, such as the address of the live log. */
  print(line: string): void
  /** Writes out what waits, for a few seconds at most, and closes them. */
  finish(): Promise<void>
}

/** Milliseconds between two lines of progress. */
const PROGRESS_INTERVAL = 1000
/** Milliseconds that the last lines may take. */
const FINISH_LIMIT = 5000

const ACTIVE = '/sys/class/tty/console/active'

/**
 * Opens all consoles of the kernel (`console=`), serial lines and screen alike; /dev/console would be the last of them
 * only. A console that blocks or is gone delays nobody.
 */
export async function openConsoles(root: MachineRoot): Promise<Consoles> {
  const names = ((await root.readText(ACTIVE).catch(() => undefined)) ?? '').split(/\s+/)
  const writers: ConsoleWriter[] = []
  for (const name of names.filter((text) => text !== '')) {
    // tty0 is whatever screen is in front; what is written has to stay on one.
    const device = name === 'tty0' ? 'tty1' : name
    const writer = openConsoleWriter(root.path(`/dev/${device}`), !/^tty\d+$/.test(device))
    if (writer !== undefined) writers.push(writer)
  }
  const running = new Map<string, Progress>()
  const tasks = new Map<string, TaskProgress>()
  let shown: string | undefined
  let sinceProgress = 0

  const push = (text: string, important: boolean) => {
    for (const writer of writers) writer.push({ text, important })
  }
  const tick = () => {
    sinceProgress += TICK
    if (sinceProgress >= PROGRESS_INTERVAL) {
      sinceProgress = 0
      const line = progressLine([...running.values()], [...tasks.values()])
      // A console that is behind has more urgent things to show.
      if (line !== undefined && line !== shown)
        for (const writer of writers) if (writer.idle) writer.push({ text: line, important: false })
      shown = line
    }
    for (const writer of writers) writer.tick()
  }
  const timer = setInterval(tick, TICK)
  return {
    count: writers.length,
    print: (line) => push(line, true),
    show(event) {
      if (event.kind === 'step.progress') running.set(`${event.task}/${event.step}`, event)
      else if (event.kind === 'task.progress') tasks.set(event.task, event)
      else if (event.kind !== 'log' || event.level !== 'debug') push(formatEvent(event), isImportant(event))
      if (event.kind === 'task.end') tasks.delete(event.task)
      if (event.kind === 'step.end') running.delete(`${event.task}/${event.step}`)
    },
    async finish() {
      running.clear()
      tasks.clear()
      for (let waited = 0; waited < FINISH_LIMIT && writers.some(({ idle }) => !idle); waited += TICK)
        await new Promise((resolve) => setTimeout(resolve, TICK))
      clearInterval(timer)
      for (const writer of writers) writer.close()
    },
  }
}

/** What has to be seen whatever else is said; warnings are the likeliest flood. */
function isImportant(event: Event): boolean {
  if (event.kind === 'log') return event.level === 'error'
  return ['job.start', 'job.end', 'task.start', 'task.end', 'step.end'].includes(event.kind)
}
