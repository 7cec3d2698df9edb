/** `a{b,c}d` as the texts that it stands for; braces may stand in braces. */
export function expandBraces(pattern: string): string[] {
  const open = pattern.indexOf('{')
  if (open === -1) return [pattern]
  const parts: string[] = []
  let depth = 0
  let from = open + 1
  for (let at = open; at < pattern.length; at += 1) {
    const char = pattern[at]
    if (char === '{') depth += 1
    if (char === '}') depth -= 1
    if ((char === ',' && depth === 1) || (char === '}' && depth === 0)) {
      parts.push(pattern.slice(from, at))
      from = at + 1
    }
    if (depth > 0) continue
    const [head, tail] = [pattern.slice(0, open), pattern.slice(at + 1)]
    return parts.flatMap((part) => expandBraces(`${head}${part}${tail}`))
  }
  throw new RangeError(`${pattern}: a brace is not closed`)
}

/** Tells which names one part of a pattern means; undefined when it is a name itself. */
export function matcher(part: string): RegExp | undefined {
  if (!/[*?]/.test(part)) return undefined
  const source = part
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 's')
}
