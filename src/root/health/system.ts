import * as z from 'zod'
import { explainInLine } from '../../errors.ts'
import type { Clock } from '../../system/clock.ts'
import type { Exec } from '../../system/exec.ts'
import type { OwnCheck } from './run.ts'

/** What systemd reaches when everything has succeeded that decides whether a boot has (systemd.special(7)). */
export const BOOT_COMPLETE = 'boot-complete.target'

/**
 * Whether boot-complete.target is reached. What has failed before it is started again, as each other check is run again.
 */
export function bootCompleteCheck(deps: { exec: Exec; clock: Clock; signal: AbortSignal }): OwnCheck {
  const { exec, clock, signal } = deps
  return {
    name: BOOT_COMPLETE,
    async run(runs, limit) {
      const start = clock.monotonic()
      const end = (verdict: 'passed' | 'failed' | 'unknown', reason: string) => ({
        name: BOOT_COMPLETE,
        verdict,
        reason,
        seconds: Math.round(clock.monotonic() - start) / 1000,
        runs,
        output: '',
      })
      try {
        await exec('systemctl', ['start', BOOT_COMPLETE], { timeout: limit, signal })
        // 3: it is not active, 4: there is no such unit (systemctl(1), exit status).
        const asked = { timeout: limit, signal, okExitCodes: [3, 4] }
        const { stdout, exitCode } = await exec('systemctl', ['is-active', BOOT_COMPLETE], asked)
        return exitCode === 0 ? end('passed', 'reached') : end('failed', `is ${stdout.trim() || 'not there'}`)
      } catch (error) {
        return signal.aborted ? end('unknown', 'was cancelled') : end('failed', explainInLine(error))
      }
    },
  }
}

const unitsSchema = z.array(z.object({ unit: z.string() }))

/**
 * Units that have failed: told with a confirmation, and no reason against it, as an image whose one superfluous unit
 * fails is better than none. Who wants it otherwise enables systemd-boot-check-no-failures.service, which stands before
 * boot-complete.target. Undefined when it cannot be told.
 */
export async function readFailedUnits(exec: Exec, signal: AbortSignal): Promise<string[] | undefined> {
  try {
    const args = ['list-units', '--state=failed', '--all', '--output=json', '--no-pager']
    const { stdout } = await exec('systemctl', args, { timeout: 20_000, signal })
    return unitsSchema.parse(JSON.parse(stdout)).map(({ unit }) => unit)
  } catch {
    return undefined
  }
}
