import type { Clock } from '../system/clock.ts'
import type { Emit } from './events.ts'
import type { Plan, Step } from './task.ts'

/** At most this often is the whole task's progress an event, in milliseconds. */
const INTERVAL = 2000

/**
 * Passes the events of a task's steps on, and adds how far the whole task is: steps ended, and the time left in the
 * lane that will end last. A task whose plan estimates nothing has none.
 */
export function createTaskProgress(task: string, plan: Plan, emit: Emit, clock: Clock): Emit {
  const steps = plan.steps as readonly Step[]
  const estimated = steps.some(({ estimate }) => estimate !== undefined)
  if (!estimated) return emit
  const lanes = [...Map.groupBy(steps, ({ lane }) => lane ?? 'main').values()]
  const left = new Map(steps.map(({ id, estimate }) => [id, estimate ?? 0]))
  const unknown = new Set<string>()
  const started = new Map<string, number>()
  let ended = 0
  let last: number | undefined

  const eta = (now: number): number | null => {
    let longest = 0
    for (const lane of lanes) {
      let seconds = 0
      for (const { id } of lane) {
        if (unknown.has(id)) return null
        const from = started.get(id)
        seconds += Math.max(0, (left.get(id) ?? 0) - (from === undefined ? 0 : (now - from) / 1000))
      }
      longest = Math.max(longest, seconds)
    }
    return longest
  }
  return (body) => {
    emit(body)
    if (!('step' in body) || body.step === undefined) return
    const { step } = body
    const now = clock.monotonic()
    if (body.kind === 'step.start') started.set(step, now)
    else if (body.kind === 'step.progress') {
      // From here on the step knows better than its estimate.
      started.set(step, now)
      unknown.delete(step)
      if (body.eta === null) unknown.add(step)
      else left.set(step, body.eta)
    } else if (body.kind === 'step.end') {
      ended += 1
      left.set(step, 0)
      unknown.delete(step)
    } else return
    if (body.kind !== 'step.end' && last !== undefined && now - last < INTERVAL) return
    last = now
    emit({ kind: 'task.progress', task, done: ended, total: steps.length, unit: 'steps', eta: eta(now) })
  }
}
