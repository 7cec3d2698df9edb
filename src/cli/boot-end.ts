import { explainInLine } from '../errors.ts'
import type { AfterAction } from '../job/schema.ts'
import type { Fleet } from '../live/nats/publish.ts'
import { carryOut, checkAction } from '../runtime/after.ts'
import type { Boot } from '../runtime/boot.ts'
import type { Delivery } from '../runtime/deliver/delivery.ts'
import { trustOwnAuthorities } from '../system/http-ask.ts'
import type { CliContext } from './context.ts'

/** How long events may go on to the fleet's server before the machine reboots or powers off, in milliseconds. */
export const FLEET_LIMIT = 60_000

/** Reboots, powers off or stays; what goes wrong with that is said, and the machine stays. */
export async function finish(
  action: AfterAction,
  boot: Boot,
  { delivery, fleet }: { delivery: Delivery; fleet: Fleet | undefined },
  { root, exec, signal }: CliContext,
): Promise<void> {
  if (action === 'stay') return
  try {
    await checkAction(action, root)
    if (!(await delivery.beforeAfter(action))) return
    await fleet?.flush(FLEET_LIMIT)
    // Told to stop: whoever did that decides what is next.
    if (signal.aborted) return
    say(boot, 'info', `now: ${action}`)
    await carryOut(action, exec)
  } catch (error) {
    say(boot, 'error', `${action}: ${explainInLine(error)}`)
  }
}

/** Loaded only when it is asked for: most boots have no fleet. */
export async function openBootFleet(
  url: string,
  boot: Boot,
  { root, signal }: CliContext,
): Promise<Fleet | undefined> {
  const { identity, bootId, events } = boot
  try {
    if (/^tls:/i.test(url)) await trustOwnAuthorities(root)
    const { openFleet } = await import('../live/nats/publish.ts')
    return openFleet({
      url,
      hostId: identity.hostId,
      bootId,
      events,
      say: (level, message) => say(boot, level, message),
      signal,
    })
  } catch (error) {
    say(boot, 'error', `NATS: ${explainInLine(error)}`)
    return undefined
  }
}

export function say({ events }: Boot, level: 'info' | 'warning' | 'error', message: string): void {
  events.append({ kind: 'log', level, message })
}
