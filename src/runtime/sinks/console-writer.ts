import { close, constants, openSync, write } from 'node:fs'
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
/** Ticks until a console that has gone is opened again: a getty that starts hangs up whoever has the line open. */
const REOPEN_TICKS = 10
/** Columns; longer lines only wrap, and cost time at the slow line. */
const WIDTH = 200

/** Opens a console's device; undefined when that cannot be written to. */
export function openConsoleWriter(path: string, serial: boolean): ConsoleWriter | undefined {
  let fd = openDevice(path)
  if (fd === undefined) return undefined
  const queue = createConsoleQueue()
  const rate = serial ? SERIAL_RATE : SCREEN_RATE
  let allowance = 0
  let rest = Buffer.alloc(0)
  let writing = false
  let closing = false
  let gone = 0

  const shut = () => {
    // Not waited for: a line that is held up is closed only once the kernel has given it up.
    if (fd !== undefined) close(fd, () => {})
    fd = undefined
  }
  const fill = () => {
    while (rest.length < allowance) {
      const line = queue.shift()
      if (line === undefined) return
      rest = Buffer.concat([rest, Buffer.from(`${shape(line, serial)}\n`)])
    }
  }
  const written = (error: NodeJS.ErrnoException | null, count: number) => {
    writing = false
    if (error === null) {
      allowance -= count
      rest = rest.subarray(count)
    } else if (error.code !== 'EAGAIN') shut()
    if (closing) shut()
  }
  return {
    serial,
    push: (line) => queue.push(line),
    tick() {
      // What was not used up is not saved up, or a quiet minute would end in a burst.
      allowance = Math.min(allowance + (rate * TICK) / 1000, (rate * TICK * 2) / 1000)
      if (fd === undefined && ++gone % REOPEN_TICKS === 0) fd = openDevice(path)
      if (fd === undefined || writing) return
      fill()
      const size = Math.min(rest.length, Math.floor(allowance))
      if (size === 0) return
      writing = true
      // Beside the job: the screen's lock may be held by the kernel while it prints.
      write(fd, rest, 0, size, null, written)
    },
    get idle() {
      return queue.empty && rest.length === 0
    },
    close() {
      closing = true
      if (!writing) shut()
    },
  }
}

function openDevice(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK)
  } catch {
    return undefined
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
