import type { Machine } from './harness/index.ts'

/** The shell on a guest's serial console. */
export interface GuestShell {
  /** Waits for the shell of the next boot. */
  up(limit: number): Promise<void>
  /** Runs a line of shell; gives what it printed and how it ended. Messages of the kernel may stand in between. */
  run(line: string, limit?: number): Promise<{ code: number; output: string }>
  /** The same, which has to end well. @throws Error with what it printed */
  ok(line: string, limit?: number): Promise<string>
  /** Runs a line that ends this boot. */
  leave(line: string): void
}

const COMMAND_LIMIT = 180_000

export function guestShell(machine: Machine): GuestShell {
  let count = 0
  let seen = 0
  const { serial } = machine
  const run = async (line: string, limit = COMMAND_LIMIT) => {
    count += 1
    const from = serial.length
    serial.write(`{ ${line}\n} 2>&1; printf 'END-%s=%s\\n' ${count} $?\n`)
    const end = await serial.waitFor(new RegExp(`END-${count}=\\d+`), { since: from, limit })
    const lines = serial.lines.slice(from)
    const output = lines.slice(0, lines.indexOf(end)).join('\n')
    return { code: Number(/=(\d+)/.exec(end)?.[1]), output }
  }
  return {
    run,
    async up(limit) {
      await serial.waitFor('TEST-SHELL', { since: seen, limit })
      seen = serial.length
    },
    async ok(line, limit) {
      const { code, output } = await run(line, limit)
      if (code !== 0) throw new Error(`${line}: ended with ${code}\n${output}`)
      return output
    },
    leave(line) {
      seen = serial.length
      serial.write(`${line}\n`)
    },
  }
}
