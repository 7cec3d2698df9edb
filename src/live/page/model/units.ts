/** Three significant digits, without an exponent. */
function threeDigits(value: number): string {
  const size = Math.abs(value)
  return value.toFixed(size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2)
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let rest = value
  let unit = 0
  // 999.6 would be written as 1000.
  while (rest >= base - 0.5 && unit < units.length - 1) {
    rest /= base
    unit += 1
  }
  return `${unit === 0 ? rest.toFixed(0) : threeDigits(rest)} ${units[unit]}`
}

/** A number with its unit; bytes in decimal units, as disks are sold. */
export function amount(value: number, unit: string): string {
  if (unit === 'bytes') return scaled(value, 1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'])
  return `${threeDigits(value)} ${unit}`.trim()
}

/** Binary units, as memory is counted. */
export function memorySize(bytes: number): string {
  return scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'])
}

/** Seconds for people, in the two largest units. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`
  const whole = Math.round(seconds)
  const two = (value: number) => String(value).padStart(2, '0')
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`
}

/** `1 step`, `2 steps`; thousands are set apart. */
export function count(value: number, noun: string): string {
  return `${value.toLocaleString('en')} ${noun}${value === 1 ? '' : 's'}`
}
