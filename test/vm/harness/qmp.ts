import type { Duplex } from 'node:stream'
import * as z from 'zod'
import { QmpError } from './errors.ts'

/** One event of QEMU's control protocol, such as SHUTDOWN, RESET or STOP. */
export interface QmpEvent {
  event: string
  data: Readonly<Record<string, unknown>>
}

export interface Qmp {
  /**
   * Runs one command and gives its result.
   * @throws QmpError when QEMU refuses it or is gone
   */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>
  /** Nothing more will come: pending and later commands fail with this reason. */
  end(why: string): void
}

// docs/interop/qmp-spec.rst: a greeting, then for each command a return or an error with its id; events in between.
const messageSchema = z.union([
  z.object({ event: z.string(), data: z.record(z.string(), z.unknown()).default({}) }),
  z.object({ id: z.number(), return: z.unknown() }),
  z.object({ id: z.number(), error: z.object({ class: z.string(), desc: z.string() }) }),
  z.object({ QMP: z.unknown() }),
])

export function createQmp(stream: Duplex, onEvent: (event: QmpEvent) => void): Qmp {
  const pending = new Map<
    number,
    { command: string; resolve(value: unknown): void; reject(e: Error): void }
  >()
  let ended: string | undefined
  let lastId = 0
  let rest = ''

  const end = (why: string) => {
    ended ??= why
    for (const { command, reject } of pending.values()) reject(new QmpError(`${command}: ${why}`))
    pending.clear()
  }
  const receive = (line: string) => {
    const message = messageSchema.parse(JSON.parse(line))
    if ('event' in message) {
      onEvent(message)
    } else if ('id' in message) {
      const command = pending.get(message.id)
      pending.delete(message.id)
      if ('error' in message) command?.reject(new QmpError(`${command.command}: ${message.error.desc}`))
      else command?.resolve(message.return)
    }
  }
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    try {
      for (const line of lines) if (line.trim() !== '') receive(line)
    } catch (error) {
      end(`QEMU spoke no QMP: ${String(error)}`)
    }
  })
  stream.on('error', (error: Error) => end(error.message))
  stream.on('close', () => end('QEMU is gone'))

  return {
    async execute(command, args) {
      if (ended !== undefined) throw new QmpError(`${command}: ${ended}`)
      const id = ++lastId
      const answer = new Promise<unknown>((resolve, reject) => pending.set(id, { command, resolve, reject }))
      stream.write(`${JSON.stringify({ execute: command, id, ...(args ? { arguments: args } : {}) })}\n`)
      return answer
    },
    end,
  }
}

const FORWARD = /^\s*TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)\s/

/** Host port by guest port, from the monitor's `info usernet`. */
export function parseForwards(usernet: string): Map<number, number> {
  const found = usernet.split('\n').flatMap((line) => {
    const match = FORWARD.exec(line)
    return match === null ? [] : [[Number(match[2]), Number(match[1])] as const]
  })
  return new Map(found)
}
