import { nearest } from '../../../src/job/nearest.ts'
import { FIRMWARE_METHODS } from '../../../src/system/drive/schema.ts'

/** Every way to erase that a person may name; `signatures` is asked for by `quick`. */
export const METHOD_NAMES = [...FIRMWARE_METHODS, 'overwrite'] as const
export type MethodName = (typeof METHOD_NAMES)[number]

const FAMILIES = [
  'nvme-sanitize',
  'nvme-format',
  'ata-sanitize',
  'ata-security-erase',
  'scsi-sanitize',
  'scsi-format',
  'overwrite',
] as const

/**
 * The methods of a comma list of names and families; a family is the beginning of its methods' names, so
 * `ata-security-erase` means the enhanced one too.
 * @throws RangeError that says what would be right
 */
export function parseMethods(text: string): MethodName[] {
  const words = text.split(',').map((word) => word.trim().toLowerCase().replaceAll('_', '-'))
  if (words.length === 1 && words[0] === 'all') return [...METHOD_NAMES]
  const right = `give all, or a comma list of ${FAMILIES.join(', ')}`
  if (words.includes('all')) throw new RangeError(`"all" stands alone: ${right}`)
  for (const word of words) {
    if (METHOD_NAMES.some((name) => belongs(name, word))) continue
    const meant = nearest(word, [...METHOD_NAMES, ...FAMILIES])
    const what = word === '' ? 'it holds an empty name' : `"${word}" is no method`
    throw new RangeError(`${what}; ${meant === undefined ? right : `did you mean ${meant}?`}`)
  }
  return METHOD_NAMES.filter((name) => words.some((word) => belongs(name, word)))
}

function belongs(name: MethodName, word: string): boolean {
  return name === word || (word !== '' && name.startsWith(`${word}-`))
}
