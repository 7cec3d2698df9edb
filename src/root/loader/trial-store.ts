import { join } from 'node:path'
import { ReadError } from '../../errors.ts'
import type { LoaderTrial } from '../schema.ts'
import { SLOTS, slotFiles } from './chooser.ts'
import { readIfThere, writeInPlace } from './in-place.ts'
import { LOADER_FILES } from './loader-files.ts'
import {
  chooseTrialEnv,
  formatTrialEnv,
  nextTrialEnv,
  parseTrialEnv,
  type TrialCopies,
  type TrialEnv,
} from './trial-env.ts'

/** Both copies on a mounted boot partition. @throws ReadError when one is there and cannot be read */
export async function readTrialCopies(esp: string): Promise<TrialCopies> {
  const [first, second] = await Promise.all(
    LOADER_FILES.copies.map(async (file) => {
      const bytes = await readIfThere(join(esp, file))
      return bytes === undefined ? undefined : parseTrialEnv(bytes)
    }),
  )
  return [first, second]
}

/** What GRUB counts; undefined when neither copy counts. */
export async function readTrial(esp: string): Promise<TrialEnv | undefined> {
  return chooseTrialEnv(await readTrialCopies(esp))
}

/** Whether the GRUB on this boot partition counts trials: one of speediso's configurations is there. */
export async function countsTrials(esp: string): Promise<boolean> {
  const configs = await Promise.all(SLOTS.map((slot) => readIfThere(join(esp, slotFiles(slot).config))))
  return configs.some((config) => config !== undefined)
}

/**
 * Lets GRUB count this trial, or none, from the next boot on; writes nothing when it is so already. One copy is on the
 * disk for good before the other one is touched, so that one of them counts after a power cut.
 * @throws ReadError when there is no GRUB that counts
 * @throws SpeedisoError when the disk then does not hold what was written
 * @throws InputError for a trial that GRUB cannot count
 */
export async function writeTrial(esp: string, trial: LoaderTrial | undefined): Promise<TrialEnv> {
  if (!(await countsTrials(esp))) {
    throw new ReadError(`${esp}: the boot loader there does not count trials`, {
      hint: 'speediso root install-loader installs one that does',
    })
  }
  const copies = await readTrialCopies(esp)
  const now = chooseTrialEnv(copies)
  if (now !== undefined && sameTrial(now.trial, trial) && copies.every((copy) => sameCopy(copy, now)))
    return now
  const next = nextTrialEnv(copies, trial)
  // The only copy that counts is not the first to be touched.
  await writeCopies(
    esp,
    next,
    now !== undefined && now === copies[0] && !sameCopy(copies[1], now) ? [1, 0] : [0, 1],
  )
  return next
}

/** Writes these copies, in this order, one after the other. */
export async function writeCopies(esp: string, env: TrialEnv, indexes: readonly number[]): Promise<void> {
  const bytes = formatTrialEnv(env)
  for (const index of indexes) {
    const file = LOADER_FILES.copies[index]
    if (file !== undefined) await writeInPlace(join(esp, file), bytes)
  }
}

function sameTrial(one: LoaderTrial | undefined, other: LoaderTrial | undefined): boolean {
  return one?.image === other?.image && one?.tries === other?.tries
}

function sameCopy(copy: TrialEnv | undefined, other: TrialEnv): boolean {
  return copy?.seq === other.seq && sameTrial(copy.trial, other.trial)
}
