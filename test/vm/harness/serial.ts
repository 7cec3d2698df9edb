import { type Backlog, createBacklog, type WaitFailure, type WaitOptions } from './backlog.ts'

/** What a machine writes on its first serial port. */
export interface SerialConsole {
  /** The whole of it, byte for byte; kept after the machine's end only if something went wrong. */
  readonly logFile: string
  /** Lines so far, without control sequences. */
  readonly lines: readonly string[]
  /** Number of lines so far, for `since`. */
  readonly length: number
  /**
   * The first line with this text or pattern in it, also among those that came before. Only whole lines
   * count, so that nothing is missing at its end, unless `unfinished` asks for prompts.
   * @throws MachineError with the last lines, after the limit or when the machine ends
   */
  waitFor(pattern: string | RegExp, options?: WaitOptions): Promise<string>
  /** Types on the console. */
  write(text: string): void
}

export interface SerialReader {
  readonly lines: Backlog<string>
  /** Takes bytes as they come, split anywhere. */
  feed(chunk: Uint8Array): void
  waitFor(pattern: string | RegExp, options?: WaitOptions): Promise<string>
  /** Nothing more will come: what is there of a last line becomes one. */
  end(why: string, cause?: unknown): void
}

export function createSerialReader(failure: WaitFailure): SerialReader {
  const lines = createBacklog<string>(failure)
  const decoder = new TextDecoder()
  let rest = ''
  return {
    lines,
    feed(chunk) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = parts.pop() ?? ''
      for (const part of parts) lines.push(plain(part))
      lines.preview(rest === '' ? undefined : plain(rest))
    },
    waitFor(pattern, options) {
      const what = `${typeof pattern === 'string' ? JSON.stringify(pattern) : pattern} on the serial console`
      return lines.waitFor(matcher(pattern), what, options)
    },
    end(why, cause) {
      if (rest !== '') lines.push(plain(rest))
      rest = ''
      lines.end(why, cause)
    },
  }
}

function matcher(pattern: string | RegExp): (line: string) => boolean {
  if (typeof pattern === 'string') return (line) => line.includes(pattern)
  // A global or sticky pattern would remember where its last match ended.
  const stateless = new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, ''))
  return (line) => stateless.test(line)
}

// ECMA-48, 5.4: a control sequence is ESC [, parameters, intermediates, one final byte.
const CONTROL_SEQUENCE = /\p{Cc}\[[0-?]*[ -/]*[@-~]/gu
const CONTROL = /(?!\t)\p{Cc}/gu

function plain(line: string): string {
  return line.replaceAll(CONTROL_SEQUENCE, '').replaceAll(CONTROL, '')
}
