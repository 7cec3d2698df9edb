import { stat } from 'node:fs/promises'
import { explainInLine, ReadError } from '../../errors.ts'
import type { LoaderTrial } from '../schema.ts'
import { type EspDeps, withEsp } from './esp.ts'
import { countsTrials, readTrial, writeTrial } from './trial-store.ts'

/** The boot loader, where it counts; both calls say plainly when there is none, and do nothing then. */
export interface LoaderAccess {
  read(): Promise<LoaderTrial | undefined>
  write(trial: LoaderTrial | undefined): Promise<void>
  /** Whether it was found, the last time that it was asked, that no boot loader counts. */
  readonly missing: boolean
  /** Why, in one line. */
  readonly why: string | undefined
}

export interface LoaderDeps extends EspDeps {
  say: (level: 'info' | 'warning', text: string) => void
}

/** @param spec a folder where the boot partition is mounted, or what names the partition */
export function openLoader(spec: string, deps: LoaderDeps): LoaderAccess {
  let missing = false
  let why: string | undefined
  const use = async <T>(access: 'ro' | 'rw', work: (esp: string) => Promise<T>): Promise<T | undefined> => {
    const inside = async (esp: string) => {
      if (await countsTrials(esp)) return work(esp)
      throw new ReadError('the boot loader does not count trials', {
        hint: 'speediso root install-loader installs one that does',
      })
    }
    try {
      const folder = await stat(spec)
        .then((found) => found.isDirectory())
        .catch(() => false)
      const done = await (folder
        ? inside(spec)
        : withEsp(spec, missing ? { ...deps, patience: 0 } : deps, inside, access))
      missing = false
      return done
    } catch (error) {
      // A host that GRUB of another kind boots still updates and reverts; what it lacks is told. A disk that fails is another matter.
      if (!(error instanceof ReadError)) throw error
      why = explainInLine(error)
      if (!missing) deps.say('warning', `only the initramfs counts the boots of a trial: ${why}`)
      missing = true
      return undefined
    }
  }
  return {
    get missing() {
      return missing
    },
    get why() {
      return missing ? why : undefined
    },
    read: () => use('ro', async (esp) => (await readTrial(esp))?.trial),
    async write(trial) {
      await use('rw', (esp) => writeTrial(esp, trial))
    },
  }
}
