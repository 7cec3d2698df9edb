const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** 24.8 days: what a timer of Node holds (a signed 32-bit number of milliseconds). */
export const LONGEST_DURATION = 2_147_483_647

/**
 * Milliseconds of a duration such as `90s`, `15m`, `1h30m`, `24h`, `500ms`, `2d`.
 * @throws RangeError with what would be right, when it is none
 */
export function parseDuration(text: string): number {
  if (/^\d+$/.test(text)) throw new RangeError(`"${text}" has no unit; write ${text}s, ${text}m or ${text}h`)
  if (!/^(\d+(ms|s|m|h|d))+$/.test(text)) {
    throw new RangeError(`"${text}" is not a duration; write one such as 90s, 15m, 1h30m or 24h`)
  }
  let total = 0
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g))
    total += Number(count) * (UNITS[unit ?? ''] ?? 0)
  if (total <= 0) throw new RangeError(`"${text}" is no time at all; write one such as 90s or 24h`)
  if (total > LONGEST_DURATION) throw new RangeError(`"${text}" is too long; at most 24d`)
  return total
}

/** The shortest exact way to write a duration, as parseDuration reads it; from a minute on in whole seconds. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`
  if (ms < 60_000) return ms % 1000 === 0 ? `${ms / 1000}s` : `${(ms / 1000).toFixed(1)}s`
  let rest = Math.round(ms / 1000)
  let text = ''
  for (const [unit, seconds] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / seconds)
    if (count > 0) text += `${count}${unit}`
    rest -= count * seconds
  }
  return text
}
