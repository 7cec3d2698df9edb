import { setTimeout as sleep } from 'node:timers/promises'
import { explainInLine } from '../errors.ts'
import type { EventFile } from '../runtime/event-file.ts'
import type { FollowOptions } from '../runtime/follow.ts'

/** Milliseconds between two batches of a flood of events, so that it goes out in few messages. */
const PAUSE = 20
/** Batches after a quiet time that go out at once. */
const AT_ONCE = 10

const DAMAGED = 'somebody cut or changed the event file: who comes to the live log now may miss events'

/** The end of the event file, read once for all viewers that are there. */
export interface Tail extends AsyncDisposable {
  /** Byte after the last line of the last batch. */
  readonly position: number
  /** Number of the last event so far. */
  readonly last: number
  /** Counts batches, so that none is missed between a look and a wait. */
  readonly moves: number
  /** Gives each batch of whole lines, one buffer for all; returns how to stop that. */
  subscribe(take: (lines: Buffer) => void): () => void
  /** Until there are more batches than this, or the signal. */
  beyond(moves: number, signal: AbortSignal): Promise<void>
  /** Takes in what is in the file by now. */
  settle(): Promise<void>
}

export interface TailOptions {
  file: EventFile
  watch: NonNullable<FollowOptions['watch']>
  /** Told when the file was damaged or cannot be read. */
  warn: (message: string) => void
}

/** Starts at the present end of the file. */
export async function openTail({ file, watch, warn }: TailOptions): Promise<Tail> {
  const reader = await file.atEnd()
  let { position, last } = reader
  let moves = 0
  const takers = new Set<(lines: Buffer) => void>()
  const waiting = new Set<() => void>()

  const publish = (lines: Buffer) => {
    ;({ position, last } = reader)
    if (lines.length > 0 && takers.size > 0) {
      const shared = Buffer.from(lines)
      for (const take of [...takers]) take(shared)
    }
    moves += 1
    for (const wake of [...waiting]) wake()
  }

  const readOn = async () => {
    const { breaks } = reader
    let lines = await reader.read(Number.POSITIVE_INFINITY)
    if (lines === undefined) {
      const size = await file.size()
      if (size < position) lines = (await reader.read(size)) ?? Buffer.alloc(0)
    }
    for (; lines !== undefined; lines = await reader.read(Number.POSITIVE_INFINITY)) publish(lines)
    if (reader.breaks > breaks) warn(DAMAGED)
  }

  let failed = false
  let work = Promise.resolve()
  const read = () => {
    work = work.then(readOn).then(
      () => {
        failed = false
      },
      (error: unknown) => {
        // Once: the warning is an event itself, which is to be read.
        if (!failed) warn(`the live log cannot read the event file: ${explainInLine(error)}`)
        failed = true
      },
    )
    return work
  }

  let asked = false
  let busy = false
  let closed = false
  let due = 0
  const follow = async () => {
    while (asked && !closed) {
      asked = false
      await read()
      const now = performance.now()
      due = Math.max(due, now - AT_ONCE * PAUSE) + PAUSE
      if (due > now) await sleep(due - now)
    }
    busy = false
  }
  const stop = watch(() => {
    asked = true
    if (busy) return
    busy = true
    // Not at once: who appends is in the middle of its own work.
    setImmediate(() => void follow())
  })

  return {
    get position() {
      return position
    },
    get last() {
      return last
    },
    get moves() {
      return moves
    },
    subscribe(take) {
      takers.add(take)
      return () => takers.delete(take)
    },
    async beyond(seen, signal) {
      if (moves > seen || signal.aborted) return
      await new Promise<void>((resolve) => {
        const done = () => {
          waiting.delete(done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        waiting.add(done)
        signal.addEventListener('abort', done)
      })
    },
    settle: read,
    async [Symbol.asyncDispose]() {
      closed = true
      stop()
      await work
    },
  }
}
