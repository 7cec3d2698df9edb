import { InputError } from '../../errors.ts'
import type { LoaderTrial } from '../schema.ts'
import { formatEnvBlock, parseEnvBlock } from './env-block.ts'

/** One copy of what GRUB counts. */
export interface TrialEnv {
  /** Grows with each change that is no countdown. */
  seq: number
  /** Undefined: nothing is on trial. */
  trial?: LoaderTrial
}

/** The two copies, in the order in which they are written. Undefined: missing or damaged. */
export type TrialCopies = readonly [TrialEnv | undefined, TrialEnv | undefined]

/** Variables of a copy, in the order in which they stand there. */
export const TRIAL_VARIABLES = ['seq', 'trial', 'tries', 'end'] as const

/** All text lies in the first sector of the smallest size, so that one sector write changes it whole. */
const ONE_SECTOR = 512

/** POSIX extended and JavaScript regular expressions at once: the GRUB script judges by the same words. */
export const PATTERNS = {
  // GRUB's `test` compares in a C long, which has 32 bits under BIOS; a leading zero would mean octal.
  seq: '^[1-9][0-9]{0,8}$',
  image: '^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$',
  tries: '^[0-9]$',
} as const

const SEQ_LIMIT = 999_999_999

/** Whether GRUB can be told of an image by this id. */
export function isImageId(id: string): boolean {
  return new RegExp(PATTERNS.image).test(id)
}

/** Undefined: this copy does not count. */
export function parseTrialEnv(bytes: Uint8Array): TrialEnv | undefined {
  const variables = parseEnvBlock(bytes)
  const [seq = '', image = '', tries = '', end] = TRIAL_VARIABLES.map((name) => variables?.get(name))
  if (end !== '1' || !new RegExp(PATTERNS.seq).test(seq)) return undefined
  if (image === '' && tries === '') return { seq: Number(seq) }
  if (!isImageId(image) || !new RegExp(PATTERNS.tries).test(tries)) return undefined
  return { seq: Number(seq), trial: { image, tries: Number(tries) } }
}

/** @throws InputError for what GRUB could not read back */
export function formatTrialEnv({ seq, trial }: TrialEnv): Buffer {
  if (!new RegExp(PATTERNS.seq).test(String(seq))) throw new InputError(`${seq}: no sequence number`)
  if (trial !== undefined && !isImageId(trial.image)) {
    throw new InputError(`${JSON.stringify(trial.image)}: no id of an image that GRUB can compare`, {
      hint: 'an id has up to 64 letters, digits, points, underscores and hyphens; put a UUID into image= of /boot/speediso.env',
    })
  }
  if (trial !== undefined && !(Number.isInteger(trial.tries) && trial.tries >= 0 && trial.tries <= 9)) {
    throw new InputError(`${trial.tries}: GRUB counts 0 to 9 boots`)
  }
  const values = [String(seq), trial?.image ?? '', trial === undefined ? '' : String(trial.tries), '1']
  return formatEnvBlock(
    TRIAL_VARIABLES.map((name, index) => [name, values[index] ?? ''] as const),
    ONE_SECTOR,
  )
}

/**
 * The copy that counts: of two, the one with the higher sequence number; with equal ones that with fewer tries, as a
 * countdown may have reached one copy only; else the first. Undefined: neither counts, and so nothing is on trial.
 */
export function chooseTrialEnv([first, second]: TrialCopies): TrialEnv | undefined {
  if (first === undefined || second === undefined) return first ?? second
  if (first.seq !== second.seq) return first.seq > second.seq ? first : second
  return (second.trial?.tries ?? -1) < (first.trial?.tries ?? -1) ? second : first
}

/** What both copies have to hold for GRUB to count this. */
export function nextTrialEnv(copies: TrialCopies, trial: LoaderTrial | undefined): TrialEnv {
  const before = chooseTrialEnv(copies)?.seq ?? 0
  // Past the limit it begins anew: that counts once both copies have it, as each is written after the other.
  const seq = before >= SEQ_LIMIT ? 1 : before + 1
  return { seq, ...(trial === undefined ? {} : { trial }) }
}
