import { SECRET } from '../../job/mask.ts'

/** Takes secrets out of a text. */
export type Redact = (text: string) => string

/** A shorter one would also stand in half of all words; it is left to what masks the place where it stands. */
const SHORTEST = 4

/** Every one of these values, as it is and as JSON and URLs write it, becomes `***`. */
export function createRedactor(secrets: Iterable<string>): Redact {
  const forms = new Set<string>()
  for (const secret of secrets) {
    if (secret.length < SHORTEST || secret === SECRET) continue
    for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]) {
      forms.add(form)
    }
  }
  if (forms.size === 0) return (text) => text
  const longestFirst = [...forms].sort((a, b) => b.length - a.length)
  const any = new RegExp(longestFirst.map(RegExp.escape).join('|'), 'g')
  return (text) => text.replaceAll(any, SECRET)
}

/** The values of a document that its masked copy does not show. */
export function hiddenIn(raw: unknown, masked: unknown): string[] {
  if (typeof raw === 'object' && raw !== null) {
    return Object.entries(raw).flatMap(([key, value]) =>
      hiddenIn(value, masked === SECRET ? SECRET : (masked as Record<string, unknown> | null)?.[key]),
    )
  }
  const text = String(raw)
  return typeof masked === 'string' && text !== masked ? hiddenInText(text, masked) : []
}

/** What stands in a text where its masked copy has `***`; a password in a URL with its user, and on its own. */
export function hiddenInText(raw: string, masked: string): string[] {
  const pattern = masked.split(SECRET).map(RegExp.escape).join('([^]*?)')
  const found = new RegExp(`^${pattern}$`).exec(raw)?.slice(1) ?? []
  return found.flatMap((hidden) => {
    const password = /^[^:]*:(.+)$/.exec(hidden)?.[1]
    return [hidden, ...(password === undefined ? [] : [password, decoded(password)])]
  })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
