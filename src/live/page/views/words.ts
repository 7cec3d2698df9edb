import type { Link } from '../connection.ts'
import type { State } from '../model/view.ts'

export const WORDS: Record<State | Link['name'], string> = {
  waiting: 'Waiting',
  running: 'Running',
  none: 'No job',
  passed: 'Passed',
  failed: 'Failed',
  unknown: 'Unknown',
  connecting: 'Connecting',
  live: 'Live',
  reconnecting: 'Reconnecting',
  lost: 'Lost',
  'wrong-token': 'Wrong token',
}
