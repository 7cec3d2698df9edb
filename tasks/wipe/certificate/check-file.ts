import { InputError, SpeedisoError } from '../../../src/errors.ts'
import { combineVerdicts, type Verdict } from '../../../src/runtime/verdict.ts'
import { type CertificateCheck, checkCertificate } from './check.ts'
import { certificateHtml } from './html.ts'
import { decodeKey, parsePublicKey, type TrustedKey } from './keys.ts'
import { hasRepeatedKeys } from './repeated-keys.ts'
import { CERTIFICATE_SCHEMA } from './schema.ts'

export interface CheckDeps {
  /** Text of a file; throws when there is none. */
  readFile(path: string): Promise<string>
  /** Keys that are trusted without being named, such as those of the image. */
  trusted?: readonly TrustedKey[]
}

export interface CheckOptions {
  /** The one key that must have signed: a file, or 32 bytes in base64. Others are not trusted then. */
  key?: string
  /** Whether the pages for people are wanted too. */
  html?: boolean
}

export interface FileCheck {
  verdict: Verdict
  lines: string[]
  checks: CertificateCheck[]
  /** Where asked for; undefined for a document that is not genuine: nobody should hold such a paper. */
  html?: string
}

/**
 * Checks the certificate in a file, which is one itself or a report that holds it.
 * @throws InputError when the file cannot be read, is no JSON or holds no certificate, or the key is none
 */
export async function checkCertificateFile(
  path: string,
  deps: CheckDeps,
  options: CheckOptions = {},
): Promise<FileCheck> {
  const trusted = options.key === undefined ? (deps.trusted ?? []) : [await namedKey(options.key, deps)]
  const text = await readText(path, deps)
  const documents = findCertificates(parse(path, text))
  if (documents.length === 0)
    throw new InputError(`${path}: holds no erasure certificate`, {
      hint: `it takes a certificate (${CERTIFICATE_SCHEMA}) or the report of a wipe`,
    })
  const checks = documents.map((document) => checkCertificate(document, trusted))
  // Two readers could each see another value of such a member.
  const repeated = hasRepeatedKeys(text)
    ? ['failed: a member stands there twice in one object; do not rely on this file']
    : []
  const verdict = combineVerdicts([
    ...checks.map((check) => check.verdict),
    ...repeated.map(() => 'failed' as const),
  ])
  const lines = [...repeated, ...checks.flatMap((check) => check.lines)]
  const [only] = checks
  const printable =
    repeated.length === 0 && checks.length === 1 && only !== undefined && only.genuine !== 'failed'
  if (options.html !== true || !printable || only.certificate === null) return { verdict, lines, checks }
  return { verdict, lines, checks, html: certificateHtml(only.certificate) }
}

async function namedKey(key: string, deps: CheckDeps): Promise<TrustedKey> {
  return decodeKey(key) === undefined
    ? parsePublicKey(await readText(key, deps), key)
    : parsePublicKey(key, '--key')
}

async function readText(path: string, deps: CheckDeps): Promise<string> {
  try {
    return await deps.readFile(path)
  } catch (cause) {
    if (cause instanceof SpeedisoError) throw cause
    throw new InputError(`${path}: cannot be read`, { cause })
  }
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new InputError(`${path}: is no JSON`, { cause })
  }
}

/** The document itself, or those at `tasks[].result.certificate` of a report. */
function findCertificates(document: unknown): unknown[] {
  const member = (value: unknown, name: string): unknown =>
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
  if (member(document, 'schema') === CERTIFICATE_SCHEMA) return [document]
  const tasks = member(document, 'tasks')
  return (Array.isArray(tasks) ? tasks : [])
    .map((task) => member(member(task, 'result'), 'certificate'))
    .filter((found) => found !== undefined && found !== null)
}
