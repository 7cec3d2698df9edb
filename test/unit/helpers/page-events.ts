import { NOTHING, reduce, type View } from '../../../src/live/page/model/view.ts'
import type { Event, EventBody } from '../../../src/runtime/events.ts'

const START = Date.parse('2026-11-21T03:00:00Z')

/** Events as a log numbers them, a second apart. */
export function numbered(bodies: readonly EventBody[], first = 1): Event[] {
  return bodies.map((body, index) => {
    const seq = first + index
    return { seq, time: new Date(START + seq * 1000).toISOString(), host: 'h', ...body } as Event
  })
}

export function viewOf(bodies: readonly EventBody[]): View {
  return numbered(bodies).reduce(reduce, NOTHING)
}

export const log = (message: string, level: 'debug' | 'info' | 'warning' | 'error' = 'info'): EventBody => ({
  kind: 'log',
  level,
  message,
})
