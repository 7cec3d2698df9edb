import type { AtaSanitizeStatus } from './hdparm.ts'

/** Command code of SANITIZE DEVICE (ACS-5). */
export const SANITIZE_DEVICE = 0xb4

/** What a drive leaves in its registers after a command. */
export interface Registers {
  status: number
  error: number
  /** 16 bits. */
  count: number
  /** The low 16 bits. */
  lba: number
}

/**
 * SAT-5, ATA Status Return sense data descriptor, from the trace that `hdparm --verbose` writes of the last command of this
 * code. Undefined: there is none, or it is empty; a drive that has answered has at least its ready bit set.
 */
export function parseReturnDescriptor(trace: string, command: number): Registers | undefined {
  const lines = trace.split('\n')
  const sent = lines.findLastIndex((line) => bytesAfter(line, 'outgoing cdb:')?.[14] === command)
  const line = sent < 0 ? undefined : lines.slice(sent).find((each) => each.startsWith('SG_IO: desc[]:'))
  const bytes = line === undefined ? undefined : bytesAfter(line, 'SG_IO: desc[]:')
  if (bytes === undefined || bytes.length < 14 || bytes[0] !== 9) return undefined
  const at = (index: number) => bytes[index] ?? 0
  if (at(13) === 0) return undefined
  return { error: at(3), count: at(4) * 256 + at(5), lba: at(9) * 256 + at(7), status: at(13) }
}

function bytesAfter(line: string, label: string): number[] | undefined {
  if (!line.startsWith(label)) return undefined
  return line
    .slice(label.length)
    .trim()
    .split(' ')
    .map((byte) => Number.parseInt(byte, 16))
}

/** ACS-5, outputs of SANITIZE DEVICE: after an error, LBA bits 7:0 say why; else COUNT has the state, LBA the progress. */
export function decodeSanitize({ status, count, lba }: Registers): AtaSanitizeStatus | undefined {
  if ((status & 1) !== 0) {
    if ((lba & 255) === 1) return { state: 'failed', progress: null, completed: false }
    return (lba & 255) === 3 ? { state: 'frozen', progress: null, completed: false } : undefined
  }
  const completed = (count & 0x8000) !== 0
  if ((count & 0x4000) !== 0) return { state: 'running', progress: lba, completed }
  return { state: (count & 0x2000) !== 0 ? 'frozen' : 'idle', progress: null, completed }
}
