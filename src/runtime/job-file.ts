import pRetry, { AbortError } from 'p-retry'
import { explainInLine, SpeedisoError } from '../errors.ts'
import { JOB_FILE_LIMIT, readJobDocument } from '../job/document.ts'
import { formatDuration } from '../job/duration.ts'
import type { Job, Problem } from '../job/schema.ts'
import type { JobSource } from '../job/source.ts'
import { fillTemplate, type TemplateValues } from '../job/template.ts'
import { checkDigest, checkSignature, type TrustKey } from '../job/trust.ts'
import { maskCredentials } from '../mask.ts'
import type { Http } from '../system/http.ts'
import { HttpError } from '../system/http-ask.ts'

export interface JobFileDependencies {
  http: Http
  signal: AbortSignal
  /** Keys of the image: when there is one, a job file counts only with a signature by one, or with its SHA-256 given. */
  keys: readonly TrustKey[]
  values: TemplateValues
  /** Milliseconds; overrides `file.wait` where somebody waits for the answer. */
  patience?: number
  say(level: 'info' | 'warning', message: string): void
  /** Given the file once it is whole and trusted. */
  keep?: ((text: string) => Promise<void>) | undefined
}

/** Statuses that may pass by themselves (RFC 9110: request timeout, too early, too many requests, and the server's own). */
const PASSING = new Set([404, 408, 425, 429])
/** The file is there, so that its signature is not will not change. */
const PASSING_FOR_SIGNATURE = new Set([408, 425, 429])

/** Milliseconds before the second attempt, and at most between two. */
const FIRST_WAIT = 1000
const LONGEST_WAIT = 30_000

/**
 * Fetches the job file. Never throws but by the signal: a file that is not to be had, not whole or not trusted is a problem of the job.
 * What may pass by itself (no answer, 404, 5xx) is tried again with growing, random waits until `file.wait` is over.
 */
export async function fetchJobFile(file: Job['file'], deps: JobFileDependencies): Promise<JobSource> {
  const filled = fillTemplate(file.url ?? '', deps.values)
  if ('problem' in filled) return failed(filled.problem)
  const { url } = filled
  const shown = maskCredentials(url)
  const wait = deps.patience ?? file.wait
  try {
    const bytes = await fetchPatiently(url, wait, deps)
    if (file.sha256 !== null) checkDigest(bytes, file.sha256)
    let trusted = file.sha256 === null ? '' : ', SHA-256 as given'
    if (file.sha256 === null && deps.keys.length > 0) {
      const signature = await fetchPatiently(signatureUrl(url), wait, deps, PASSING_FOR_SIGNATURE).catch(
        (cause: unknown) => {
          deps.signal.throwIfAborted()
          throw new SpeedisoError('it has no signature, which the keys of the image ask for', { cause })
        },
      )
      trusted = `, signed by ${checkSignature(bytes, signature, deps.keys).name}`
    }
    deps.say('info', `job file: ${shown}, ${bytes.length} bytes${trusted}`)
    const text = decode(bytes)
    await deps.keep?.(text)
    return readJobDocument(text, 'job file', shown)
  } catch (error) {
    deps.signal.throwIfAborted()
    const reason = explainInLine(error)
    return failed({
      parameter: 'speediso.job',
      message: reason.includes(shown) ? reason : `${shown}: ${reason}`,
    })
  }
}

function failed(problem: Problem): JobSource {
  return { from: 'job file', parameters: [], problems: [problem] }
}

/** The signature lies beside the file, `.sig` behind its path. */
function signatureUrl(url: string): string {
  const signature = new URL(url)
  signature.pathname += '.sig'
  return signature.href
}

async function fetchPatiently(
  url: string,
  wait: number,
  { http, signal, say }: JobFileDependencies,
  passing = PASSING,
): Promise<Buffer> {
  const shown = maskCredentials(url)
  let said = ''
  let final = false
  const giveUp = (error: Error) => {
    final = true
    return new AbortError(error)
  }
  try {
    return await pRetry(
      async () => {
        const answer = await http(url, { limit: JOB_FILE_LIMIT, signal }).catch((error: unknown) => {
          // It will not get smaller, and a redirect to http will not become safe.
          throw error instanceof HttpError && ['too-large', 'downgrade'].includes(String(error.facts.code))
            ? giveUp(error)
            : error
        })
        if (answer.status === 200) return answer.body
        const refused = new SpeedisoError(`${shown}: the server answers ${answer.status}`)
        throw answer.status >= 500 || passing.has(answer.status) ? refused : giveUp(refused)
      },
      {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: FIRST_WAIT,
        maxTimeout: LONGEST_WAIT,
        maxRetryTime: wait,
        randomize: true,
        signal,
        onFailedAttempt: ({ error }) => {
          const reason = explainInLine(error)
          if (reason !== said) say('warning', `job file: ${reason}; trying for ${formatDuration(wait)}`)
          said = reason
        },
      },
    )
  } catch (cause) {
    signal.throwIfAborted()
    if (final) throw cause
    throw new SpeedisoError(`${shown}: not to be had within ${formatDuration(wait)}`, { cause })
  }
}

/** @throws SpeedisoError for anything but UTF-8 text */
function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new SpeedisoError('is no text in UTF-8', { cause })
  }
}
