import type { Job } from '../../job/schema.ts'
import { credentialsIn, decoded, SECRET } from '../../mask.ts'

/** Takes secrets out. */
export interface Redactor {
  text(text: string): string
  /** Of a JSON document, which stays one; what is none is taken as text. `indent`: spaces a level; 0: in one line. */
  json(text: string, indent?: number): string
}

/**
 * A shorter one is not replaced everywhere: it stands in half of all words and numbers. It is left to what masks the
 * place where it is meant.
 */
const SHORTEST = 4

/** Every one of these values, as it is and as JSON, URLs and Basic authentication write it, becomes `***`. */
export function createRedactor(secrets: Iterable<string>): Redactor {
  const forms = new Set<string>()
  for (const secret of secrets) {
    // A half of a surrogate pair cannot be encoded.
    for (const plain of [secret, decoded(secret)].map((form) => form.toWellFormed())) {
      if (plain.length < SHORTEST || plain === SECRET) continue
      for (const form of formsOf(plain)) forms.add(form)
    }
  }
  if (forms.size === 0) return { text: (text) => text, json: (text) => text }
  const longestFirst = [...forms].sort((a, b) => b.length - a.length)
  const any = new RegExp(longestFirst.map(RegExp.escape).join('|'), 'g')
  const redact = (text: string) => text.replaceAll(any, SECRET)
  return {
    text: redact,
    json(text, indent = 0) {
      try {
        return JSON.stringify(redactValue(JSON.parse(text), redact), null, indent)
      } catch {
        return redact(text)
      }
    },
  }
}

/** The secrets that stand in a job, those of its URLs too. */
export function secretsOfJob(job: Job): string[] {
  const fields = [job.report.token, job.report.hmac_key, job.foreman.token, job.log.token]
  return [...fields.filter((field) => field !== null), ...stringsIn(job).flatMap(credentialsIn)]
}

function* formsOf(plain: string): Iterable<string> {
  const url = new URL('http://h')
  url.password = plain
  const [, query = ''] = `${new URLSearchParams([['', plain]])}`.split(/=(.*)/s)
  for (const encoded of [encodeURIComponent(plain), url.password, query]) {
    yield encoded
    yield encoded.replaceAll(/%../g, (code) => code.toLowerCase())
  }
  for (const form of [plain, Buffer.from(plain).toString('base64')]) {
    yield form
    yield JSON.stringify(form).slice(1, -1)
  }
}

/** A number or `true` counts as a secret only when it is the whole of one. */
function redactValue(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === 'string') return redact(value)
  if (Array.isArray(value)) return value.map((entry) => redactValue(entry, redact))
  if (typeof value !== 'object' || value === null) return redact(String(value)) === SECRET ? SECRET : value
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [redact(key), redactValue(entry, redact)]),
  )
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : []
}
