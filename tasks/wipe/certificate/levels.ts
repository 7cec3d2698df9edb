import { LEVEL_OF } from '../plan/levels.ts'
import type { EraseMethod, Level } from '../schema.ts'

/** From the best: a level covers those after it. */
const ORDER: readonly Level[] = ['purge', 'possible purge', 'clear', 'none']

export function covers(reached: Level, asked: Level): boolean {
  return ORDER.indexOf(reached) <= ORDER.indexOf(asked)
}

/** The commands, in the words of the standards of their interfaces. */
const COMMANDS: Readonly<Record<EraseMethod, string>> = {
  'nvme-sanitize-crypto': 'NVMe Sanitize, Crypto Erase',
  'nvme-sanitize-block': 'NVMe Sanitize, Block Erase',
  'nvme-sanitize-overwrite': 'NVMe Sanitize, Overwrite',
  'nvme-format-crypto': 'NVMe Format NVM, Cryptographic Erase',
  'nvme-format-user-data': 'NVMe Format NVM, User Data Erase',
  'ata-sanitize-crypto': 'ATA SANITIZE DEVICE, CRYPTO SCRAMBLE EXT',
  'ata-sanitize-block': 'ATA SANITIZE DEVICE, BLOCK ERASE EXT',
  'ata-sanitize-overwrite': 'ATA SANITIZE DEVICE, OVERWRITE EXT',
  'ata-security-erase-enhanced': 'ATA SECURITY ERASE UNIT, enhanced',
  'ata-security-erase': 'ATA SECURITY ERASE UNIT, normal',
  'scsi-sanitize-crypto': 'SCSI SANITIZE, CRYPTOGRAPHIC ERASE',
  'scsi-sanitize-block': 'SCSI SANITIZE, BLOCK ERASE',
  'scsi-sanitize-overwrite': 'SCSI SANITIZE, OVERWRITE',
  'scsi-format': 'SCSI FORMAT UNIT',
  overwrite: 'overwrite of every addressable sector',
  signatures: 'removal of partition tables and signatures only',
}

/** The most that a method can reach. */
export function highestLevel(method: EraseMethod): Level {
  return LEVEL_OF[method]
}

export function techniqueWords(method: EraseMethod | null): string {
  return method === null ? 'none was begun' : COMMANDS[method]
}

export const NOT_AN_ERASURE = 'NOT AN ERASURE'

/** What a level means in the words of the standards, and what it does not; claims nothing where none was reached. */
export function standardWords(method: EraseMethod | null, reached: Level): string {
  if (method === 'signatures')
    return `${NOT_AN_ERASURE}: partition tables and signatures were removed, the data is still on the disk.`
  if (method === null || reached === 'none')
    return 'No technique of IEEE 2883 or NIST SP 800-88r2 was proved.'
  const words = COMMANDS[method]
  const command = words.charAt(0).toUpperCase() + words.slice(1)
  const also = 'NIST SP 800-88r2 refers to that standard for techniques'
  if (reached === 'possible purge')
    return `${command}: a Clear technique of IEEE 2883, and Purge only where the maker of the drive states so; ${also}.`
  return `${command}: a ${reached === 'purge' ? 'Purge' : 'Clear'} technique of IEEE 2883; ${also}.`
}

export const STATEMENT =
  'This document states what speediso did to these disks, what they answered and what was read back. ' +
  'It names techniques of IEEE 2883 and NIST SP 800-88r2. It is no certification under either, and no third party took part. ' +
  'Copies of the data elsewhere, and disks that are not listed as passed, are outside of it.'
