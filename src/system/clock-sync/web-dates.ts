import type { Clock } from '../clock.ts'
import { TOLERANCE } from './judge.ts'
import { median, type Told, timeNow } from './told.ts'

/** What the web server of one host says. */
export interface WebDate {
  host: string
  told: Told
}

/**
 * The date to go by. `alone`: no two hosts agree about it, and plain http is anybody's; it is then the date that is
 * nearest to the clock. Two servers on one host are one, for they have one clock.
 */
export function chooseWebDate(
  dates: readonly WebDate[],
  clock: Pick<Clock, 'now' | 'monotonic'>,
): { told: Told; alone: boolean } | undefined {
  const at = ({ told }: WebDate) => timeNow(told, clock)
  const agreed = dates.filter((one) =>
    dates.some((other) => other.host !== one.host && Math.abs(at(other) - at(one)) <= TOLERANCE),
  )
  const told = median(
    agreed.map((date) => date.told),
    clock,
  )
  if (told !== undefined) return { told, alone: false }
  const off = (date: WebDate) => Math.abs(at(date) - clock.now())
  const [nearest] = dates.toSorted((a, b) => off(a) - off(b))
  return nearest && { told: nearest.told, alone: true }
}
