import * as z from 'zod'
import type { Exec } from '../../exec.ts'
import { type Finding, known, unknown } from '../../finding.ts'
import { endedWell, runToEnd, whyNot } from '../command.ts'
import { parseHex, parseSense, type Sense } from './sense.ts'

// sg3-utils 1.48. sg_turs is not used: that version sends no command without --low, and still ends with 0.

interface AskOptions {
  exec: Exec
  signal?: AbortSignal | undefined
}

/** Milliseconds; the tools give a command 60 seconds. */
const TIMEOUT = 90_000

/** "Illegal request, invalid opcode" and "illegal request": the drive's answer, not a failure (sg3_utils(8)). */
const NOT_KNOWN = [5, 9]

const commandsSchema = z.object({
  all_command_descriptor: z.array(
    z.object({ operation_code: z.string(), service_action: z.string().optional() }),
  ),
})

const capacitySchema = z.object({
  read_capacity_16_parameter_data: z.object({
    returned_logical_block_address: z.number().nonnegative(),
    logical_block_length_in_bytes: z.int().positive(),
  }),
})

/** Commands that the drive knows: operation code, or with a service action "48/3". */
export type Commands = ReadonlySet<string>

/** REPORT SUPPORTED OPERATION CODES. Absent: the drive does not know that command itself. */
export async function readCommands({ exec, signal }: AskOptions, path: string): Promise<Finding<Commands>> {
  const end = await runToEnd(exec, 'sg_opcodes', ['--json', path], { signal, timeout: TIMEOUT })
  if (end.ended === 'exit' && NOT_KNOWN.includes(end.exitCode ?? 0)) {
    return { status: 'absent', reason: 'the drive does not list its commands', sources: [end.command] }
  }
  if (!endedWell(end)) return unknown(whyNot(end), end.command)
  const list = parse(commandsSchema, end.stdout)?.all_command_descriptor
  if (list === undefined || list.length === 0)
    return unknown('no list of commands in its answer', end.command)
  const hex = (text: string) => Number.parseInt(text, 16).toString(16)
  const names = list.map(({ operation_code: code, service_action: action }) =>
    action === undefined ? hex(code) : `${hex(code)}/${hex(action)}`,
  )
  return known(new Set(names), end.command)
}

export interface Capacity {
  blocks: number
  logicalBytes: number
}

/** READ CAPACITY (16): also the proof that a drive works again, as one that sanitizes or formats refuses it. */
export async function readCapacity({ exec, signal }: AskOptions, path: string): Promise<Finding<Capacity>> {
  const end = await runToEnd(exec, 'sg_readcap', ['--json', '--16', '--readonly', path], {
    signal,
    timeout: TIMEOUT,
  })
  const data = parse(capacitySchema, end.stdout)?.read_capacity_16_parameter_data
  if (!endedWell(end) || data === undefined) return unknown(whyNot(end), end.command)
  return known(
    { blocks: data.returned_logical_block_address + 1, logicalBytes: data.logical_block_length_in_bytes },
    end.command,
  )
}

/** REQUEST SENSE. */
export async function readSense({ exec, signal }: AskOptions, path: string): Promise<Finding<Sense>> {
  const end = await runToEnd(exec, 'sg_requests', ['--hex', path], { signal, timeout: TIMEOUT })
  const bytes = parseHex(end.stdout)
  const sense = bytes === undefined ? undefined : parseSense(bytes)
  return sense === undefined || !endedWell(end)
    ? unknown(whyNot(end), end.command)
    : known(sense, end.command)
}

function parse<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
