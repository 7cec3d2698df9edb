import { explainInLine } from '../../errors.ts'
import type { Outcome } from '../../exit.ts'
import { TrustError } from '../../job/trust.ts'
import { Refusal } from '../../root/candidate/refusal.ts'
import type { Delivered } from '../../root/deliver/deliver.ts'
import { DeliveryError } from '../../root/deliver/errors.ts'
import { ManifestError } from '../../root/manifest/manifest.ts'
import type { CandidateVerdict } from '../../root/schema.ts'
import { formatAmount } from '../../runtime/format.ts'
import { HttpError } from '../../system/http-ask.ts'
import { type CliContext, printJson, printLine } from '../context.ts'
import { ReadOnlyError } from './place.ts'
import { AlreadyCurrentError } from './stage-claims.ts'

/** Tells what was found of a candidate that is not staged: refused, or only looked at. */
export function tell(
  verdict: CandidateVerdict,
  { json, plan }: { json: boolean; plan: boolean },
  { stdout }: CliContext,
): Outcome {
  if (json) printJson(stdout, { outcome: verdict.accepted ? 'unchanged' : 'refused', candidate: verdict })
  else if (verdict.accepted) {
    for (const line of verdict.evidence) printLine(stdout, line)
    printLine(stdout, 'it would be taken')
  } else printLine(stdout, `refused: ${verdict.reason}`)
  return verdict.accepted && plan ? 'passed' : 'failed'
}

/**
 * Tells why an image did not come, while nothing of hostpart was changed but its partial downloads: refused by what lies
 * beside it, or not delivered.
 * @throws the error itself when it tells no such reason, or when a signal has ended this
 */
export function tellUndelivered(
  error: unknown,
  flags: { json: boolean; plan: boolean },
  ctx: CliContext,
): Outcome {
  ctx.signal.throwIfAborted()
  if (error instanceof AlreadyCurrentError) {
    if (flags.json) printJson(ctx.stdout, { outcome: 'unchanged', reason: error.message })
    else printLine(ctx.stdout, error.message)
    return 'passed'
  }
  const refused = refusalOf(error)
  if (refused !== undefined) return tell({ accepted: false, reason: refused }, flags, ctx)
  const tells = [DeliveryError, HttpError, ReadOnlyError].some((kind) => error instanceof kind)
  if (!tells && !isOfSystem(error)) throw error
  const reason = explainInLine(error)
  printLine(ctx.stderr, `speediso: ${reason}`)
  if (flags.json) printJson(ctx.stdout, { outcome: 'failed', reason })
  return 'failed'
}

/** Why an image is refused by what lies beside it; undefined: it is another error. */
export function refusalOf(error: unknown): string | undefined {
  const refuses = error instanceof TrustError || error instanceof ManifestError || error instanceof Refusal
  return refuses ? explainInLine(error) : undefined
}

/** Where the bytes of an image came from, for people; what is nothing is left out. @param local it came from a file */
export function describeDelivered(
  { fetchedBytes, copiedBytes, reusedBytes }: DeliveredBytes,
  local: boolean,
): string | undefined {
  const parts: [bytes: number, what: string][] = [
    [local ? 0 : fetchedBytes, 'fetched'],
    [local ? fetchedBytes + copiedBytes : copiedBytes, local ? 'copied' : 'copied from images here'],
    [reusedBytes, 'were here already'],
  ]
  const told = parts.filter(([bytes]) => bytes > 0)
  if (told.length === 0) return undefined
  return `here: ${told.map(([bytes, what]) => `${formatAmount(bytes, 'bytes')} ${what}`).join(', ')}`
}

type DeliveredBytes = Pick<Delivered, 'fetchedBytes' | 'copiedBytes' | 'reusedBytes'>

/** What the kernel says of a file or a disk names itself what is wrong. */
function isOfSystem(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
