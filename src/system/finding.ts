import * as z from 'zod'

/**
 * What was found out about one thing. `absent` is proved not to be there; `unknown` could not be found out.
 * The two are never mixed up, and neither is ever an empty list or an empty string.
 */
export type Finding<T> = Known<T> | Absent | Unknown

export interface Known<T> {
  status: 'known'
  value: T
  sources: string[]
}

export interface Absent {
  status: 'absent'
  reason: string
  sources: string[]
}

export interface Unknown {
  status: 'unknown'
  reason: string
  /** What the source did say, when that is not a value, such as a placeholder of the manufacturer. */
  raw?: string | undefined
  sources: string[]
}

export function known<T>(value: T, ...sources: string[]): Known<T> {
  return { status: 'known', value, sources }
}

export function absent(reason: string, ...sources: string[]): Absent {
  return { status: 'absent', reason, sources }
}

export function unknown(reason: string, ...sources: string[]): Unknown {
  return { status: 'unknown', reason, sources }
}

/** The value, or undefined when it is absent or unknown. */
export function knownValue<T>(finding: Finding<T>): T | undefined {
  return finding.status === 'known' ? finding.value : undefined
}

export function mapKnown<T, U>(finding: Finding<T>, convert: (value: T) => U): Finding<U> {
  return finding.status === 'known' ? { ...finding, value: convert(finding.value) } : finding
}

/** The first known one; else one that says why not, naming every source that was asked. */
export function firstKnown<T>(findings: readonly Finding<T>[]): Finding<T> {
  const found = findings.find((finding) => finding.status === 'known')
  if (found !== undefined) return found
  const sources = findings.flatMap((finding) => finding.sources)
  const reasons = new Set(findings.map((finding) => (finding.status === 'known' ? '' : finding.reason)))
  const all = unknown([...reasons].join('; ') || 'nothing to read it from', ...sources)
  const odd = findings.find((finding) => finding.status === 'unknown' && finding.raw !== undefined)
  return odd?.status === 'unknown' ? { ...all, raw: odd.raw } : all
}

/** Two sources say different things about one value; the first one's word was taken. */
export const disagreementSchema = z.object({
  what: z.string(),
  taken: z.object({ source: z.string(), value: z.union([z.string(), z.number(), z.boolean()]) }),
  other: z.object({ source: z.string(), value: z.union([z.string(), z.number(), z.boolean()]) }),
})

export type Disagreement = z.infer<typeof disagreementSchema>

export function findingSchema<T extends z.ZodType>(value: T) {
  const sources = z.array(z.string()).describe('files and programs that were asked')
  return z.discriminatedUnion('status', [
    z.object({ status: z.literal('known'), value, sources }),
    z.object({ status: z.literal('absent'), reason: z.string(), sources }),
    z.object({ status: z.literal('unknown'), reason: z.string(), raw: z.string().optional(), sources }),
  ])
}

export const text = findingSchema(z.string())
export const number = findingSchema(z.number())
export const flag = findingSchema(z.boolean())
