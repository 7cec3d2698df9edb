import { type ErrorDetails, SpeedisoError } from '../../../src/errors.ts'

/** QEMU refused a command of its control protocol. */
export class QmpError extends SpeedisoError {
  override readonly code: string = 'qmp'
}

/** A virtual machine did not do what was waited for, or ended on its own; the message shows its last words. */
export class MachineError extends SpeedisoError {
  override readonly code: string = 'virtual-machine'
}

export interface LastWords {
  machine: string
  serial: readonly string[]
  logFile: string
  /** Of QEMU. */
  stderr: string
}

const SHOWN_LINES = 40

/** The error of a machine, with the end of its serial console and what QEMU said. */
export function machineError(headline: string, words: LastWords, details: ErrorDetails = {}): MachineError {
  const { machine, serial, logFile, stderr } = words
  const filled = serial.filter((line) => line.trim() !== '')
  const tail = filled.slice(-SHOWN_LINES)
  const shown = tail.length === 0 ? ['(nothing)'] : tail
  const said = stderr.trim() === '' ? [] : ['QEMU said:', ...stderr.trim().split('\n')]
  return new MachineError(
    [
      `machine ${machine}: ${headline}`,
      ...indent(said),
      `  last of its serial console (whole: ${logFile}):`,
      ...indent(shown).map((line) => `  ${line}`),
    ].join('\n'),
    // The serial console is in the message already.
    { ...details, facts: { machine, logFile, stderr, ...details.facts } },
  )
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`)
}
