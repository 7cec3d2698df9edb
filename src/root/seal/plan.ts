import type { SealAction, SealEntry } from './entry.ts'
import type { Listing, Place } from './list.ts'

/** One act of sealing. */
export interface SealStep {
  entry: string
  what: string
  from: string
  secret: boolean
  action: SealAction
  path: string
  kind: Place['kind']
  /** Files that it takes away or changes, and that no step before it does. */
  files: number
  bytes: number
}

/** What has to be done, as far as there is anything to be done: after sealing it is nothing. Pure. */
export function planSeal(table: readonly SealEntry[], { places }: Listing): SealStep[] {
  const steps: SealStep[] = []
  const counted = new Set<string>()
  const gone: string[] = []
  for (const { name, what, from, action, secret = false } of table) {
    for (const place of places.get(name) ?? []) {
      const { path, kind } = place
      if (!hasWork(action, place)) continue
      if (gone.some((folder) => path === folder || path.startsWith(`${folder}/`))) continue
      const fresh = place.files.filter((file) => !counted.has(file.path))
      for (const file of fresh) counted.add(file.path)
      const bytes = fresh.reduce((sum, file) => sum + file.bytes, 0)
      steps.push({ entry: name, what, from, secret, action, path, kind, files: fresh.length, bytes })
      if (action.do === 'remove') gone.push(path)
    }
  }
  return steps
}

function hasWork(action: SealAction, { kind, files, folders, text }: Place): boolean {
  switch (action.do) {
    case 'remove':
      return true
    case 'truncate':
      return kind === 'file' && files.some(({ bytes }) => bytes > 0)
    case 'set':
      return text !== undefined && text !== action.text
    case 'clear':
      return kind === 'folder' && (files.length > 0 || folders > 0)
    case 'clear files':
      return kind === 'folder' && files.length > 0
    case 'drop lines':
      return text !== undefined && keepLines(text, action.matching) !== text
  }
}

/** The text without the lines that match. */
export function keepLines(text: string, matching: RegExp): string {
  return text
    .split(/(?<=\n)/)
    .filter((line) => !matching.test(line.replace(/\r?\n$/, '')))
    .join('')
}
