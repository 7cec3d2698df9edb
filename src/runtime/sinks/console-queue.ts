/** A line that waits for a console. */
export interface ConsoleLine {
  text: string
  /** A verdict or an error: kept when others have to go. */
  important: boolean
}

/** Lines that wait for one console; of a flood it keeps the newest and whatever is important, and counts the rest. */
export interface ConsoleQueue {
  push(line: ConsoleLine): void
  /** The next line; first that lines are missing, where they are. */
  shift(): string | undefined
  readonly empty: boolean
}

/** Lines; a console of 115200 baud shows about as many in two seconds. */
const ORDINARY_LIMIT = 200
/** Lines; a flood of errors must not fill the memory either. */
const IMPORTANT_LIMIT = 5000

export function createConsoleQueue(): ConsoleQueue {
  let lines: ConsoleLine[] = []
  let ordinary = 0
  let skipped = 0

  const drop = (wanted: (line: ConsoleLine) => boolean) => {
    const at = lines.findIndex(wanted)
    if (at < 0) return
    ordinary -= lines[at]?.important === false ? 1 : 0
    lines = lines.toSpliced(at, 1)
    skipped += 1
  }
  return {
    push(line) {
      lines.push(line)
      if (!line.important) ordinary += 1
      if (ordinary > ORDINARY_LIMIT) drop(({ important }) => !important)
      if (lines.length - ordinary > IMPORTANT_LIMIT) drop(({ important }) => important)
    },
    shift() {
      if (skipped > 0) {
        const count = skipped
        skipped = 0
        return `... ${count} ${count === 1 ? 'line' : 'lines'} skipped here; speediso log shows all`
      }
      const line = lines.shift()
      if (line?.important === false) ordinary -= 1
      return line?.text
    },
    get empty() {
      return lines.length === 0 && skipped === 0
    },
  }
}
