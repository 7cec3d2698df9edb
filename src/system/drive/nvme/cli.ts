import * as z from 'zod'
import type { Exec } from '../../exec.ts'
import { type Finding, known, unknown } from '../../finding.ts'
import { endedWell, runToEnd, whyNot } from '../command.ts'

// What nvme-cli prints with --output-format=json. Numbers are those of the NVM Express base specification 2.0.

/** 128 bits: a number, or digits where the JSON library has no room for it. */
const bigNumber = z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)])

const controllerSchema = z.object({
  oacs: z.int().nonnegative(),
  fna: z.int().nonnegative(),
  /** Specification 1.3 and later. */
  sanicap: z.int().nonnegative().default(0),
  unvmcap: bigNumber.default(0),
})

const namespaceSchema = z.object({
  nsze: z.number().nonnegative(),
  flbas: z.int().nonnegative(),
  fpi: z.int().nonnegative().default(0),
  lbafs: z.array(z.object({ ds: z.int().nonnegative() })),
})

const listSchema = z.object({ nsid_list: z.array(z.object({ nsid: z.int().positive() })) })

const logSchema = z.object({
  sprog: z.int().nonnegative(),
  // 2.x before 2.4 has the status text as key too; all of them write "(2) …" as its value.
  sstat: z.union([z.int().nonnegative(), z.record(z.string(), z.union([z.string(), z.number()]))]),
  cdw10_info: z.int().nonnegative(),
  time_over_write: z.number().optional(),
  time_block_erase: z.number().optional(),
  time_crypto_erase: z.number().optional(),
})

export interface IdentifyController {
  /** OACS bits 1 and 3. */
  formats: boolean
  managesNamespaces: boolean
  fna: number
  sanicap: number
  unallocatedBytes: number
}

export interface IdentifyNamespace {
  sizeBytes: number | null
  lbaFormat: number
  /** FPI: per cent of a format that are still to do; null: the drive does not say. */
  formatRemaining: number | null
}

/** Sanitize Status log page (81h). */
export interface SanitizeLog {
  /** SPROG: of 65,536; 65,535 when none runs. */
  progress: number
  /** SSTAT bits 2:0: 0 never, 1 completed, 2 running, 3 failed, 4 completed with deallocation against the request. */
  status: number
  /** SSTAT bit 8: nothing has been written since. */
  globalErased: boolean | null
  /** SSTAT bits 7:3. */
  passes: number
  /** SCDW10: dword 10 of the sanitize command that this is about; bits 2:0 are the action. */
  cdw10: number
  /** Seconds; null: not stated. */
  estimates: { crypto: number | null; block: number | null; overwrite: number | null }
}

interface AskOptions {
  exec: Exec
  signal?: AbortSignal | undefined
}

/** Milliseconds for a command that only reads; the kernel gives an admin command 60 seconds. */
const READ_TIMEOUT = 90_000

async function ask<T>(
  { exec, signal }: AskOptions,
  args: readonly string[],
  parse: (output: unknown) => T | undefined,
): Promise<Finding<T>> {
  const all = [...args, '--output-format=json']
  const end = await runToEnd(exec, 'nvme', all, { signal, timeout: READ_TIMEOUT })
  const output = parseJson(end.stdout)
  if (!endedWell(end)) {
    // Where JSON was asked for, the drive's status stands there.
    const status = z.object({ error: z.string() }).safeParse(output).data?.error
    return unknown(status === undefined ? whyNot(end) : `nvme ${args[0]}: ${status}`, end.command)
  }
  const value = output === undefined ? undefined : parse(output)
  if (value === undefined) return unknown(`${end.command}: not the JSON that it should be`, end.command)
  return known(value, end.command)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function identifyController(
  ask_: AskOptions,
  controller: string,
): Promise<Finding<IdentifyController>> {
  return ask(ask_, ['id-ctrl', controller], (output) => {
    const data = controllerSchema.safeParse(output).data
    if (data === undefined) return undefined
    return {
      formats: (data.oacs & 2) !== 0,
      managesNamespaces: (data.oacs & 8) !== 0,
      fna: data.fna,
      sanicap: data.sanicap,
      unallocatedBytes: data.unvmcap,
    }
  })
}

/** `allocated`: also one that is attached to no controller (CNS 11h). */
export function identifyNamespace(
  options: AskOptions,
  controller: string,
  nsid: number,
  allocated: boolean,
): Promise<Finding<IdentifyNamespace>> {
  const args = ['id-ns', controller, `--namespace-id=${nsid}`, ...(allocated ? ['--force'] : [])]
  return ask(options, args, parseNamespace)
}

export function parseNamespace(output: unknown): IdentifyNamespace | undefined {
  const data = namespaceSchema.safeParse(output).data
  if (data === undefined) return undefined
  // FLBAS bits 3:0, and bits 6:5 above them.
  const lbaFormat = ((data.flbas & 0x60) >> 1) | (data.flbas & 0xf)
  const shift = data.lbafs[lbaFormat]?.ds
  return {
    sizeBytes: data.nsze === 0 || shift === undefined ? null : data.nsze * 2 ** shift,
    lbaFormat,
    formatRemaining: (data.fpi & 0x80) === 0 ? null : data.fpi & 0x7f,
  }
}

/** `allocated`: all of the subsystem (CNS 10h), else those attached to this controller (CNS 02h). */
export function listNamespaces(
  options: AskOptions,
  controller: string,
  allocated: boolean,
): Promise<Finding<number[]>> {
  const args = ['list-ns', controller, ...(allocated ? ['--all'] : [])]
  return ask(options, args, (output) => listSchema.safeParse(output).data?.nsid_list.map(({ nsid }) => nsid))
}

export function readSanitizeLog(options: AskOptions, controller: string): Promise<Finding<SanitizeLog>> {
  return ask(options, ['sanitize-log', controller], parseSanitizeLog)
}

/** Below the name of the device, or without it. */
export function parseSanitizeLog(output: unknown): SanitizeLog | undefined {
  const data = [output, ...values(output)].map((each) => logSchema.safeParse(each).data).find(Boolean)
  const state = data === undefined ? undefined : readStatus(data.sstat)
  if (data === undefined || state === undefined) return undefined
  return {
    progress: data.sprog,
    ...state,
    cdw10: data.cdw10_info,
    estimates: {
      crypto: stated(data.time_crypto_erase),
      block: stated(data.time_block_erase),
      overwrite: stated(data.time_over_write),
    },
  }
}

function values(output: unknown): unknown[] {
  return typeof output === 'object' && output !== null ? Object.values(output) : []
}

function readStatus(
  sstat: z.infer<typeof logSchema>['sstat'],
): Pick<SanitizeLog, 'status' | 'globalErased' | 'passes'> | undefined {
  if (typeof sstat === 'number') {
    return { status: sstat & 7, globalErased: (sstat & 0x100) !== 0, passes: (sstat >> 3) & 31 }
  }
  const digits = Object.values(sstat)
    .map((value) => (typeof value === 'string' ? /^\((\d)\) /.exec(value)?.[1] : undefined))
    .filter((digit) => digit !== undefined)
  if (digits.length !== 1) return undefined
  const erased = sstat.global_erased ?? sstat.global_data_erased
  const passes = sstat.no_cmplted_passes ?? sstat.overwrite_passes_completed
  return {
    status: Number(digits[0]),
    globalErased: typeof erased === 'number' ? erased !== 0 : null,
    passes: typeof passes === 'number' ? passes : 0,
  }
}

/** FFFFFFFFh: the drive does not state it. */
function stated(seconds: number | undefined): number | null {
  return seconds === undefined || seconds >= 0xffff_ffff ? null : seconds
}
