/** Milliseconds. */
const FIRST = 500
const LONGEST = 15_000

/**
 * How long to wait before the next try, in milliseconds: doubled each time, and between half and all of it by chance,
 * so that the viewers of one server do not come back all at once.
 */
export function backoff(failures: number, random: () => number): number {
  const whole = Math.min(LONGEST, FIRST * 2 ** Math.max(0, failures - 1))
  return whole / 2 + (whole / 2) * random()
}
