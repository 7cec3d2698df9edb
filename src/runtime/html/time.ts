import { formatDuration } from '../../job/duration.ts'

/** `2025-11-21 05:47:09 UTC`; what is no time stays as it is. */
export function timeOf(iso: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)[.\d]*Z$/.exec(iso)
  return match === null ? iso : `${match[1]} ${match[2]} UTC`
}

export function durationOf(seconds: number): string {
  return formatDuration(seconds * 1000)
}
