import { combineVerdicts, type Verdict } from '../../../src/runtime/verdict.ts'
import { healthChange } from '../../../src/system/block/smart-compare.ts'
import type { SmartHealth } from '../../../src/system/block/smart-health.ts'
import type { Finding } from '../../../src/system/finding.ts'
import { canonicalJson } from './canonical.ts'
import { type Judgement, overallVerdict, supportedVerdict } from './judge.ts'
import { STATEMENT, standardWords } from './levels.ts'
import { CERTIFICATE_SCHEMA, type Certificate, type CertificateDisk, certificateSchema } from './schema.ts'

/** How many ranges and errors of a disk are listed; how many there were is always told. */
const LISTED = 20

type Given = Omit<
  CertificateDisk,
  'verdict' | 'reason' | 'standard' | 'bytesPerSecond' | 'unwritten' | 'errors' | 'smart'
>

/** One disk that was to be erased, and what came of it. */
export interface DiskResult extends Given {
  /** Of the steps of this disk. */
  verdict: Verdict
  reason?: string
  /** Ranges may be more than are listed. */
  unwritten: { bytes: number; ranges: readonly { from: number; to: number }[] }
  errors: readonly string[]
  smart: { before: Finding<SmartHealth> | null; after: Finding<SmartHealth> | null }
}

export interface CertificateInput
  extends Pick<
    Certificate,
    'id' | 'issued' | 'speediso' | 'host' | 'parties' | 'scope' | 'leftAlone' | 'unseen'
  > {
  disks: readonly DiskResult[]
}

/**
 * The document, not signed. No verdict is better than its evidence: a disk that is given as passed, and whose evidence
 * does not prove it, stands there as what is proved. Members that the caller gives beyond the schema are left out.
 * @throws InputError for what JSON cannot hold
 */
export function makeCertificate(input: CertificateInput): Certificate {
  const disks = input.disks.map(makeDisk)
  const { id, issued, speediso, host, parties, scope, leftAlone, unseen } = input
  const whole = { scope, disks, leftAlone, unseen }
  const document = {
    schema: CERTIFICATE_SCHEMA,
    ...{ id, issued, speediso, host, parties },
    ...whole,
    ...overallVerdict(whole),
    statement: STATEMENT,
    signature: null,
  }
  // Through JSON: what is signed is exactly what will be read.
  return certificateSchema.parse(JSON.parse(canonicalJson(document)))
}

function makeDisk(result: DiskResult): CertificateDisk {
  const { verdict: claimed, reason: told, unwritten, errors, smart, ...given } = result
  const evidence = {
    ...given,
    device: given.device,
    unwritten: {
      bytes: unwritten.bytes,
      count: unwritten.ranges.length,
      first: unwritten.ranges.slice(0, LISTED),
    },
    errors: { count: errors.length, first: errors.slice(0, LISTED) },
    verification: given.verification === null ? null : shortened(given.verification),
  }
  const judged = judgeBoth(claimed, told, supportedVerdict(evidence))
  const levelReached = judged.verdict === 'passed' ? given.levelReached : 'none'
  const { seconds, bytesWritten, method } = given
  return {
    ...evidence,
    ...judged,
    levelReached,
    standard: standardWords(method, levelReached),
    bytesPerSecond:
      seconds === null || seconds === 0 || bytesWritten === null ? null : Math.round(bytesWritten / seconds),
    smart: { ...smart, difference: healthChange(smart.before, smart.after) },
  }
}

/** The worse of what the steps said and what the evidence supports, with the reasons of both. */
function judgeBoth(claimed: Verdict, told: string | undefined, supported: Judgement): Judgement {
  const verdict = combineVerdicts([claimed, supported.verdict])
  if (verdict === 'passed') return { verdict }
  const reasons = [supported.reason, told].filter((reason) => reason !== undefined && reason !== '')
  return { verdict, reason: [...new Set(reasons)].join('; ') || 'no reason was given' }
}

function shortened(read: NonNullable<CertificateDisk['verification']>) {
  return {
    ...read,
    mismatches: read.mismatches.slice(0, LISTED),
    unreadable: read.unreadable.slice(0, LISTED),
  }
}
