import type { Exec } from '../../exec.ts'
import { type Finding, known, unknown } from '../../finding.ts'
import { type CommandEnd, endedWell, runToEnd, whyNot } from '../command.ts'
import { type AtaIdentify, decodeIdentify, parseIdentify } from './identify.ts'
import { decodeSanitize, parseReturnDescriptor, SANITIZE_DEVICE } from './registers.ts'

// Outputs of hdparm 9.65. Its exit code is an errno, or 0 also after some failures: only what it prints is believed.

interface AskOptions {
  exec: Exec
  signal?: AbortSignal | undefined
}

/** Milliseconds; a drive that spins up takes up to half a minute. */
const TIMEOUT = 60_000

function ask({ exec, signal }: AskOptions, args: readonly string[]): Promise<CommandEnd> {
  return runToEnd(exec, 'hdparm', args, { signal, timeout: TIMEOUT })
}

/** Without the registers of the drive, hdparm goes on with zeros: "idle", "0 sectors". */
function lacksRegisters({ stderr }: CommandEnd): boolean {
  return /SG_IO: (?:bad\/missing|missing|questionable) sense data/.test(stderr)
}

export async function readIdentify(options: AskOptions, path: string): Promise<Finding<AtaIdentify>> {
  const end = await ask(options, ['--Istdout', path])
  const words = parseIdentify(end.stdout)
  if (words !== undefined && endedWell(end)) return known(decodeIdentify(words), end.command)
  return unknown(endedWell(end) ? 'the drive does not answer IDENTIFY DEVICE' : whyNot(end), end.command)
}

/** READ NATIVE MAX ADDRESS (EXT), or GET NATIVE MAX ADDRESS EXT of a drive with AMAC: sectors. */
export async function readNativeSectors(options: AskOptions, path: string): Promise<Finding<number>> {
  const end = await ask(options, ['-N', path])
  const found = /^ max sectors {3}= (\d+)\/(\d+), (?:HPA is|ACCESSIBLE MAX ADDRESS) (?:en|dis)abled$/m.exec(
    end.stdout,
  )
  const native = Number(found?.[2])
  if (found !== null && endedWell(end) && !lacksRegisters(end) && native > 0)
    return known(native, end.command)
  if (/HPA setting seems invalid/.test(end.stdout)) {
    return unknown('the native size that the drive states is below its current one', end.command)
  }
  return unknown(endedWell(end) ? 'no native size in what hdparm says' : whyNot(end), end.command)
}

/** DEVICE CONFIGURATION IDENTIFY: sectors without any overlay. */
export async function readOverlaySectors(options: AskOptions, path: string): Promise<Finding<number>> {
  const end = await ask(options, ['--dco-identify', path])
  const sectors = Number(/^\tReal max sectors: (\d+)$/m.exec(end.stdout)?.[1])
  if (/^DCO Checksum verified\.$/m.test(end.stdout) && sectors > 0) return known(sectors, end.command)
  if (/^DCO Checksum FAILED!$/m.test(end.stdout)) {
    return unknown('the configuration overlay data has a wrong checksum', end.command)
  }
  // It ends with 0 after the drive has refused.
  return unknown(end.stderr.trim().split('\n').at(-1) || whyNot(end), end.command)
}

/** SANITIZE STATUS EXT. */
export interface AtaSanitizeStatus {
  state: 'idle' | 'running' | 'frozen' | 'failed'
  /** Of 65,536; null: none runs. */
  progress: number | null
  /** SANITIZE OPERATION COMPLETED WITHOUT ERROR: of the last one, whenever that was. */
  completed: boolean
}

/**
 * Read from the drive's registers, which hdparm shows with --verbose. Its own words are not used: where a controller hands
 * on no registers, it takes them as zeros and prints "SD0 Sanitize Idle" of a drive that may well be at it.
 */
export async function readSanitizeStatus(
  options: AskOptions,
  path: string,
): Promise<Finding<AtaSanitizeStatus>> {
  const end = await ask(options, ['--verbose', '--sanitize-status', path])
  const registers = parseReturnDescriptor(end.stderr, SANITIZE_DEVICE)
  if (registers === undefined) {
    const reason = endedWell(end) ? 'the controller does not hand on what the drive answers' : whyNot(end)
    return unknown(reason, end.command)
  }
  const status = decodeSanitize(registers)
  return status === undefined
    ? unknown('the drive does not state its sanitize status', end.command)
    : known(status, end.command)
}
