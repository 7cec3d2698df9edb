import { join } from 'node:path'
import type { Act } from '../../../src/root/acts.ts'
import { apply } from '../../../src/root/apply.ts'
import { decide } from '../../../src/root/decide.ts'
import { settle } from '../../../src/root/freeze.ts'
import { createStartThawGuard } from '../../../src/root/freeze-guard.ts'
import { loadFreezeIo } from '../../../src/root/freeze-ioctl.ts'
import { imageNames } from '../../../src/root/names.ts'
import { observe } from '../../../src/root/observe/observe.ts'
import { readRootWords } from '../../../src/root/observe/words.ts'
import { createRootPort } from '../../../src/root/port.ts'
import type { Decision, LoaderTrial, Observed, Occasion } from '../../../src/root/schema.ts'
import { systemClock } from '../../../src/system/clock.ts'
import { createExec } from '../../../src/system/exec.ts'

export interface HostOptions {
  occasion?: Occasion
  /** Kernel command line. */
  commandLine?: string
  /** For mount points. */
  folder: string
  /** File of the image that runs, for what is no boot. */
  running?: string
  onAct?: (act: Act) => void
  /** In place of what was found: changes it before it is decided upon. */
  edit?: (observed: Observed) => Observed
}

export interface Done {
  decision: Decision
  observed: Observed
  /** What GRUB was told, in order. */
  told: (LoaderTrial | undefined)[]
  said: string[]
}

const GUARD = [process.execPath, '--no-warnings', join(import.meta.dirname, 'thaw-guard.ts')]

/** Looks at a mounted hostpart, decides and does it, all of it for real but for the boot loader. */
export async function decideAndDo(hostpart: string, options: HostOptions): Promise<Done> {
  const { occasion = 'boot', commandLine = '', folder, running, onAct, edit = (seen) => seen } = options
  const words = readRootWords(commandLine)
  const names = imageNames(words.realRoot)
  const signal = new AbortController().signal
  const said: string[] = []
  const told: Done['told'] = []
  const say = (_level: string, text: string) => void said.push(text)
  const observed = edit(
    await observe(
      { occasion, ...(running === undefined ? {} : { running }) },
      {
        ...{ exec: createExec(), signal, clock: systemClock, keys: [] },
        ...{ hostpart, names, words, folder, say },
      },
    ),
  )
  const decision = decide(observed)
  const io = await loadFreezeIo()
  const port = createRootPort({
    ...{ hostpart, names, say },
    settle: (dir) => settle(dir, { io, startGuard: createStartThawGuard(GUARD), signal }),
    writeLoader: async (trial) => void told.push(trial),
  })
  await apply(decision.actions, names, port, onAct)
  return { decision, observed, told, said }
}
