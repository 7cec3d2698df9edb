import type { Finding, Unknown } from '../../src/system/finding.ts'

function isFinding(value: object): value is Finding<unknown> {
  return 'status' in value && 'sources' in value && Array.isArray(value.sources)
}

/** Every finding in a value, with its path such as `disks[1].serial`; a list's items go by their name where they have one. */
export function* walkFindings(value: unknown, path: string): Generator<[string, Finding<unknown>]> {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      yield* walkFindings(item, `${path}[${nameOf(item) ?? index}]`)
  } else if (isFinding(value)) {
    yield [path, value]
    if (value.status === 'known') yield* walkFindings(value.value, path)
  } else {
    for (const [key, item] of Object.entries(value))
      yield* walkFindings(item, path === '' ? key : `${path}.${key}`)
  }
}

function nameOf(item: unknown): string | undefined {
  if (typeof item !== 'object' || item === null) return undefined
  for (const key of ['name', 'address', 'mountPoint'] as const) {
    const name = (item as Record<string, unknown>)[key]
    if (typeof name === 'string') return name
  }
  const locator = (item as { locator?: Finding<string> }).locator
  return locator?.status === 'known' ? locator.value : undefined
}

export interface Tally {
  known: number
  absent: number
  unknown: number
  /** How many files and programs were asked. */
  sources: number
}

export function tally(finding: Finding<unknown>): Tally {
  const sources = new Set<string>()
  const count = { known: 0, absent: 0, unknown: 0 }
  for (const [, each] of walkFindings(finding, '')) {
    count[each.status] += 1
    for (const source of each.sources) sources.add(source)
  }
  return { ...count, sources: sources.size }
}

export function unknownsIn(finding: Finding<unknown>, path: string): [string, Unknown][] {
  return [...walkFindings(finding, path)].filter(
    (entry): entry is [string, Unknown] => entry[1].status === 'unknown',
  )
}
