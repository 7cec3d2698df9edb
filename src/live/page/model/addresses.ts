import type * as protocol from '../../protocol.ts'

// Values of their own, because those of the protocol would bring its schemas along; the types keep them the same.
export const EVENTS: typeof protocol.EVENTS_PATH = '/events'
export const REPORT: typeof protocol.REPORT_PATH = '/report'
