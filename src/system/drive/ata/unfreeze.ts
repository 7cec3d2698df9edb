import { explainInLine, SpeedisoError } from '../../../errors.ts'
import type { EraseDeps } from '../deps.ts'

/** Seconds asleep, and milliseconds that waking may take on top of them. */
const ASLEEP = 10
const WAKING = 120_000

/** Looks at the drive after waking, a second apart: its link comes up again by itself. */
const LOOKS = 30

/**
 * A frozen state ends when the drive loses power, which suspend to RAM does to most. Tried once, and only if allowed: some
 * boards do not wake with a picture, some not at all.
 */
export async function unfreeze(
  deps: EraseDeps,
  isFree: () => Promise<boolean>,
): Promise<{ freed: true } | { freed: false; reason: string }> {
  if (!deps.suspendAllowed)
    return { freed: false, reason: 'a suspend to RAM would be needed, and is not allowed' }
  deps.log('warning', `the drive is frozen: the machine is suspended to RAM for ${ASLEEP} seconds`)
  try {
    if (deps.suspend !== undefined) await deps.suspend()
    else {
      const args = ['--mode=mem', `--seconds=${ASLEEP}`]
      await deps.exec('rtcwake', args, { signal: deps.signal, timeout: ASLEEP * 1000 + WAKING })
    }
  } catch (error) {
    if (!(error instanceof SpeedisoError)) throw error
    return { freed: false, reason: `suspend to RAM did not work: ${explainInLine(error)}` }
  }
  for (let look = 0; look < LOOKS && !deps.signal.aborted; look++) {
    if (await isFree()) {
      deps.log('info', 'the drive is no longer frozen')
      return { freed: true }
    }
    try {
      await deps.sleep(1000, deps.signal)
    } catch (error) {
      if (!deps.signal.aborted) throw error
    }
  }
  return { freed: false, reason: 'it still is after a suspend to RAM' }
}
