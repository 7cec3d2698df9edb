import { InputError } from '../../../src/errors.ts'
import { combineVerdicts, type Verdict } from '../../../src/runtime/verdict.ts'
import { canonicalJson } from './canonical.ts'
import { overallVerdict, supportedVerdict } from './judge.ts'
import { fingerprint, type TrustedKey } from './keys.ts'
import { CERTIFICATE_SCHEMA, type Certificate, certificateSchema } from './schema.ts'
import { verifySignature } from './sign.ts'
import { deviceWords, verdictWords } from './words.ts'

export interface CertificateCheck {
  /** The worse of the two below: `passed` only for a genuine document that says that everything asked for is erased. */
  verdict: Verdict
  /** Of the document: unchanged, signed by a key that is trusted, and without contradiction. */
  genuine: Verdict
  /** What the document says of the disks. */
  erasure: Verdict
  /** For people, the result first. */
  lines: string[]
  /** Null: it has not the shape of one. */
  certificate: Certificate | null
}

/**
 * Checks an erasure certificate: shape, contradictions, signature. A document that contradicts itself fails however well
 * it is signed; one that nobody, or an unknown key, has signed is `unknown`.
 * @param document as JSON.parse gave it
 */
export function checkCertificate(document: unknown, trusted: readonly TrustedKey[] = []): CertificateCheck {
  const parsed = certificateSchema.safeParse(document)
  if (!parsed.success || typeof document !== 'object' || document === null) {
    const [issue] = parsed.error?.issues ?? []
    const where = issue === undefined ? '' : `: ${issue.path.join('.') || 'the document'}: ${issue.message}`
    const lines = [`failed: not a certificate of the form ${CERTIFICATE_SCHEMA}${where}`]
    return { verdict: 'failed', genuine: 'failed', erasure: 'unknown', lines, certificate: null }
  }
  const certificate = parsed.data
  const wrong = [...contradictions(certificate), ...foreign(document, certificate)]
  const signature = checkSignature(document, certificate, trusted)
  const genuine = combineVerdicts([signature.verdict, ...(wrong.length > 0 ? ['failed' as const] : [])])
  const erasure = certificate.verdict
  const verdict = combineVerdicts([genuine, erasure])
  return {
    ...{ verdict, genuine, erasure, certificate },
    lines: [
      `${verdict}: ${summary(genuine, certificate)}`,
      signature.line,
      ...wrong.map((line) => `contradiction: ${line}`),
      ...(genuine === 'failed' ? [] : contents(certificate)),
    ],
  }
}

function summary(genuine: Verdict, certificate: Certificate): string {
  // What a document says that is not believed is not repeated as a fact.
  if (genuine === 'failed') return 'do not rely on this document'
  const says = `it says ${verdictWords(certificate.verdict, certificate.disks)}`
  const because = certificate.reason === undefined ? '' : ` (${certificate.reason})`
  return `${genuine === 'passed' ? 'the document is genuine' : 'who made the document is not proved'}; ${says}${because}`
}

/** Where the parts of a document do not go together, one line each. */
export function contradictions(certificate: Certificate): string[] {
  const { disks, verdict } = certificate
  const lines: string[] = []
  const overall = overallVerdict(certificate).verdict
  if (overall !== verdict) lines.push(`the whole is said to be ${verdict}, its parts make it ${overall}`)
  if (verdict !== 'passed' && (certificate.reason ?? '') === '')
    lines.push('the whole has no reason for its verdict')
  const paths = new Set<string>()
  for (const disk of disks) {
    const name = deviceWords(disk.device)
    if (paths.has(disk.device.path)) lines.push(`${name} stands there twice`)
    paths.add(disk.device.path)
    const supported = supportedVerdict(disk)
    if (disk.verdict === 'passed' && supported.verdict !== 'passed')
      lines.push(`${name} is said to be passed, and its evidence does not prove it: ${supported.reason}`)
    if (disk.verdict !== 'passed' && disk.levelReached !== 'none')
      lines.push(`${name} is ${disk.verdict}, and the level ${disk.levelReached} is claimed`)
    if (disk.verdict !== 'passed' && (disk.reason ?? '') === '')
      lines.push(`${name} has no reason for its verdict`)
  }
  for (const { device } of certificate.leftAlone)
    if (paths.has(device.path))
      lines.push(`${deviceWords(device)} stands both among the disks and among those left alone`)
  return lines
}

/** Whatever no page shows and no check looks at has no place in a document that people rely on. */
function foreign(document: object, certificate: Certificate): string[] {
  try {
    if (canonicalJson(document) === canonicalJson(certificate)) return []
  } catch (error) {
    if (!(error instanceof InputError || error instanceof RangeError)) throw error
  }
  return ['it holds something that no certificate holds']
}

function checkSignature(
  document: object,
  { signature }: Certificate,
  trusted: readonly TrustedKey[],
): { verdict: Verdict; line: string } {
  if (signature === null)
    return { verdict: 'unknown', line: 'not signed: nothing shows who made it, or that it is unchanged' }
  const key = verified(document, signature)
  if (typeof key === 'string') return { verdict: 'failed', line: key }
  const by = trusted.find((each) => each.key.equals(key))
  if (by !== undefined)
    return { verdict: 'passed', line: `signed by the trusted key ${by.name}, ${signature.keyFingerprint}` }
  return {
    verdict: 'unknown',
    line: `unchanged since it was signed by an unknown key ${fingerprint(key)}: give the key that it should be with --key`,
  }
}

function verified(document: object, signature: NonNullable<Certificate['signature']>) {
  try {
    return verifySignature(document, signature)
  } catch (error) {
    // What has no canonical form was not signed.
    if (error instanceof InputError || error instanceof RangeError)
      return `its signature cannot be right: ${error.message}`
    throw error
  }
}

function contents(certificate: Certificate): string[] {
  const { id, issued, host, disks, leftAlone, unseen } = certificate
  return [
    `certificate ${id}, issued ${issued}, host ${host.hostId}`,
    ...disks.map(
      ({ device, verdict, reason, levelReached }) =>
        `${verdict}: ${deviceWords(device)}${verdict === 'passed' ? `: ${levelReached}` : `: ${reason ?? 'no reason given'}`}`,
    ),
    ...disks
      .filter(({ device }) => device.serial === undefined && device.wwn === undefined)
      .map(
        ({ device }) =>
          `note: ${device.path} has neither serial number nor WWN: nothing ties this document to the disk`,
      ),
    ...leftAlone.map(({ device, why, reason }) => `left alone: ${deviceWords(device)}: ${why}: ${reason}`),
    ...unseen.map((line) => `perhaps not seen: ${line}`),
  ]
}
