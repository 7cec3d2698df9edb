import type { EraseDeps } from './deps.ts'

/** What one look at a drive shows. */
export type Look<End> =
  /** `progress`: any number that moves while the drive works; null: it states none. `percent` of 100, where known. */
  | { at: 'running'; progress: number | null; percent: number | null; says: string }
  /** Neither running nor ended for certain: it may need a moment. After some looks `end` counts. */
  | { at: 'settling'; end: End; says: string }
  | { at: 'ended'; end: End; says: string }
  | { at: 'unreadable'; says: string }

export type WatchEnd<End> =
  | { how: 'ended'; end: End; seen: Seen }
  /** No progress for too long, or nothing readable for the stall limit. */
  | { how: 'stalled'; reason: string; seen: Seen }
  | { how: 'cancelled'; seen: Seen }

/** For the evidence, and for judging: an end that was reached without ever having been seen at work proves less. */
export interface Seen {
  running: boolean
  looks: number
  first: string
  last: string
}

/** Milliseconds after the first looks, so that a short erase is seen at work; then each second, then every ten. */
const FIRST = [100, 200, 500]
const EVERY_SECOND = 60
const LATER = 10_000

/** Looks that a drive is given to show that it has begun. */
const SETTLE = 8

/** Milliseconds for a drive that states no progress at all: an overwrite of the largest disks takes two days. */
const WITHOUT_PROGRESS = 72 * 3_600_000

/**
 * Milliseconds at least for a drive that states progress: some do so in whole per cent, of which one lasts 18 minutes of a
 * sanitize of 30 hours.
 */
const WITH_PROGRESS = 3_600_000

/**
 * Looks at a drive until it has ended, stands still or the task is cancelled. Says something only when something changes.
 * Never ends the drive's own work: that goes on by itself.
 */
export async function watch<End>(
  look: (seen: Readonly<Seen>) => Promise<Look<End>>,
  { clock, signal, sleep, stallLimit, log, progress }: EraseDeps,
): Promise<WatchEnd<End>> {
  const seen: Seen = { running: false, looks: 0, first: '', last: '' }
  let moved = clock.monotonic()
  let readable = moved
  let lastProgress: number | null | undefined
  let told = ''
  let settling = 0
  for (;;) {
    if (signal.aborted) return { how: 'cancelled', seen }
    const view = await look(seen)
    if (signal.aborted) return { how: 'cancelled', seen }
    note(seen, view.says)
    tell(view)
    const now = clock.monotonic()
    if (view.at === 'ended') return { how: 'ended', end: view.end, seen }
    if (view.at !== 'unreadable') readable = now
    if (view.at === 'settling') {
      settling += 1
      if (settling >= SETTLE) return { how: 'ended', end: view.end, seen }
    }
    if (view.at === 'running') {
      seen.running = true
      if (view.progress !== lastProgress) moved = now
      lastProgress = view.progress
      progress(view.percent, view.says)
      const limit = Math.max(stallLimit, view.progress === null ? WITHOUT_PROGRESS : WITH_PROGRESS)
      if (now - moved >= limit) return stalled(`no progress for ${seconds(now - moved)}: ${view.says}`)
    }
    if (now - readable >= stallLimit) {
      return stalled(`no answer that can be read for ${seconds(now - readable)}: ${view.says}`)
    }
    try {
      await sleep(pause(seen.looks), signal)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  function stalled(reason: string): WatchEnd<End> {
    return { how: 'stalled', reason, seen }
  }

  function tell(view: Look<End>): void {
    const what = view.at === 'running' ? 'running' : `${view.at}: ${view.says}`
    if (what === told) return
    told = what
    log(view.at === 'unreadable' ? 'warning' : 'info', `the drive is ${view.at}: ${view.says}`)
  }
}

function note(seen: Seen, says: string): void {
  if (seen.looks === 0) seen.first = says
  seen.last = says
  seen.looks += 1
}

function pause(looks: number): number {
  return FIRST[looks - 1] ?? (looks < EVERY_SECOND ? 1000 : LATER)
}

function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds / 1000)} s`
}
