/** What a serial console can show without scrambling. */
export function ascii(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?')
}

export const WIDTH = 100

export function cut(text: string, width: number): string {
  if (text.length <= width) return text
  return width <= 3 ? text.slice(0, width) : `${text.slice(0, width - 3)}...`
}

/** Columns as wide as they need; when the line is too long, the last column is cut. Columns without content are dropped. */
export function table(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  indent = '  ',
): string[] {
  const used = headers.map((_, column) => rows.some((row) => (row[column] ?? '') !== ''))
  const lines = [headers, ...rows].map((row) => row.filter((_, column) => used[column] === true))
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((row) => (row[column] ?? '').length)),
  )
  return lines.map((row) => {
    const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
    return cut(`${indent}${line.trimEnd()}`, WIDTH)
  })
}

/** Words in lines of at most WIDTH; the first line starts with `head`, the others with `hanging`. */
export function wrap(text: string, head: string, hanging = head): string[] {
  const lines: string[] = []
  let line = head
  let fresh = true
  for (const word of text.split(' ')) {
    if (!fresh && line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = hanging
      fresh = true
    }
    line += fresh ? word : ` ${word}`
    fresh = false
  }
  return [...lines, line]
}

/** Decimal units, as makers of disks count. */
export function diskSize(bytes: number): string {
  return scaled(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'])
}

/** Binary units, as memory is counted. */
export function memorySize(bytes: number): string {
  return scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'])
}

function scaled(bytes: number, base: number, units: readonly string[]): string {
  let value = bytes
  let unit = 0
  while (value >= base && unit < units.length - 1) {
    value /= base
    unit += 1
  }
  const digits = unit === 0 || Number.isInteger(value) ? 0 : value < 10 ? 2 : value < 100 ? 1 : 0
  return `${value.toFixed(digits)} ${units[unit]}`
}
