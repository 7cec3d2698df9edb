import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { printable } from '../../printable.ts'
import { type ConsoleLine, createConsoleQueue } from './console-queue.ts'

/** A kernel console as a place for lines. Never blocks: what the line does not take waits, and in the end is skipped. */
export interface ConsoleWriter {
  readonly serial: boolean
  push(line: ConsoleLine): void
  /** Writes what may be written now; called about every TICK. */
  tick(): void
  /** Nothing waits. */
  readonly idle: boolean
  close(): void
}

/** Milliseconds between two ticks. */
export const TICK = 100

/** Bytes a second of 115200 baud: ten bits a byte. */
const SERIAL_RATE = 11_520
/** A screen takes more, but nobody reads more. */
const SCREEN_RATE = 100_000
/** Columns; longer lines only wrap, and cost time at the slow line. */
const WIDTH = 200

/** Opens a console's device; undefined when that cannot be written to. */
export function openConsoleWriter(path: string, serial: boolean): ConsoleWriter | undefined {
  let fd: number
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
  const queue = createConsoleQueue()
  const rate = serial ? SERIAL_RATE : SCREEN_RATE
  let allowance = 0
  let rest = Buffer.alloc(0)

  /** False: the console takes no more now. */
  const write = (): boolean => {
    try {
      const written = writeSync(fd, rest, 0, Math.min(rest.length, Math.floor(allowance)))
      allowance -= written
      rest = rest.subarray(written)
    } catch {
      // No room (EAGAIN), or the console has gone: it is tried again at the next tick.
      return false
    }
    return rest.length === 0
  }
  return {
    serial,
    push: (line) => queue.push(line),
    tick() {
      // What was not used up is not saved up, or a quiet minute would end in a burst.
      allowance = Math.min(allowance + (rate * TICK) / 1000, (rate * TICK * 2) / 1000)
      for (;;) {
        if (rest.length === 0) {
          const line = queue.shift()
          if (line === undefined) return
          rest = Buffer.from(`${shape(line, serial)}\n`)
        }
        if (allowance < 1 || !write()) return
      }
    },
    get idle() {
      return queue.empty && rest.length === 0
    },
    close: () => closeSync(fd),
  }
}

const COLOURS: Readonly<Record<string, string>> = { PASSED: '32', FAILED: '31', UNKNOWN: '33' }

/** Control characters are spelled out, and only a screen gets colours, on the words of a verdict. */
export function shape(line: string, serial: boolean): string {
  const plain = printable(line)
  const cut = plain.length > WIDTH ? `${plain.slice(0, WIDTH - 3)}...` : plain
  if (serial) return cut
  return cut.replaceAll(/\b(PASSED|FAILED|UNKNOWN)\b/g, (word) => `\x1b[1;${COLOURS[word]}m${word}\x1b[0m`)
}
