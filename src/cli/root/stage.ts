import { open, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { InputError } from '../../errors.ts'
import type { Outcome } from '../../exit.ts'
import { SIDECARS } from '../../root/acts.ts'
import { checkAddress, looksLikeUrl } from '../../root/deliver/address.ts'
import { type Delivered, deliverImage } from '../../root/deliver/deliver.ts'
import { readRootKeys } from '../../root/manifest/signature.ts'
import { confirmedCreated, recallManifest } from '../../root/manifests.ts'
import { judgeFile } from '../../root/observe/candidate.ts'
import { readRecord } from '../../root/record-file.ts'
import type { CandidateVerdict } from '../../root/schema.ts'
import { formatAmount } from '../../runtime/format.ts'
import { createHttpStream } from '../../system/http-stream.ts'
import { type CliContext, printJson, printLine } from '../context.ts'
import { describeDecision } from './describe.ts'
import { checkWritable } from './place.ts'
import { rebootWhenAsked } from './reboot.ts'
import { askedAtRunTime, openSession, type Session, type SessionFlags } from './session.ts'
import { begin, checkFile, checkFree, ownPlace } from './stage-checks.ts'
import { readClaimsCheck, readTwinCheck } from './stage-claims.ts'
import { describeRoomFor, planFromUrl } from './stage-plan.ts'
import { describeDelivered, refusalOf, tell, tellUndelivered } from './stage-verdict.ts'

export interface StageFlags extends SessionFlags {
  /** FILE or URL. */
  source: string | undefined
  /** Take a signed image that is older than the one confirmed last. */
  allowDowngrade: boolean
  plan: boolean
  json: boolean
  reboot: boolean
}

/**
 * Brings an image to hostpart, proves it, and makes it the current one: the next boot is the first of its trial.
 * @throws InputError when nothing was changed for want of right input
 */
export async function run(flags: StageFlags, ctx: CliContext): Promise<Outcome> {
  const { source } = flags
  if (source === undefined || source === '')
    throw new InputError('no image is named', { hint: 'speediso root stage FILE, or an http(s) URL' })
  checkAddress(source)
  using session = await openSession(flags, ctx)
  const { hostpart, names, say } = session
  const place = await ownPlace(source, session)
  if (!looksLikeUrl(source) && place === undefined) await checkFile(source)
  if (flags.plan) await checkFree(place, session)
  try {
    await checkWritable(hostpart)
  } catch (error) {
    return tellUndelivered(error, flags, ctx)
  }
  if (flags.plan && looksLikeUrl(source)) return planFromUrl(source, flags, session, ctx)
  if (flags.plan) {
    const [at, mayBeLink] = place === undefined ? [resolve(source), true] : [join(hostpart, place), false]
    const verdict = await judge(at, { ...flags, mayBeLink }, session, ctx)
    const besides = await readTwinCheck(session)
    const room = place === undefined ? await describeRoomFor(at, session) : []
    try {
      const told = besides(verdict)
      return tell(told.accepted ? { ...told, evidence: [...told.evidence, ...room] } : told, flags, ctx)
    } catch (error) {
      return tellUndelivered(error, flags, ctx)
    }
  }
  await session.lockDelivery()
  const lock = await begin(place, session)
  let delivered: Delivered | undefined
  try {
    if (place === undefined) {
      // It takes long, and a boot has to be confirmed in time.
      lock[Symbol.dispose]()
      delivered = await fetch(source, flags, session, ctx)
      await writeSidecars(delivered)
    }
  } catch (error) {
    const reason = refusalOf(error)
    if (reason !== undefined) await noteRefused(source, reason, session)
    return tellUndelivered(error, flags, ctx)
  }
  const name = delivered === undefined ? (place ?? '') : delivered.file.slice(hostpart.length + 1)
  const recalled = place !== undefined && (await recallManifest(hostpart, place, await readRecord(hostpart)))
  let verdict = await judge(join(hostpart, name), flags, session, ctx)
  if (!verdict.accepted && recalled) {
    for (const ending of SIDECARS) await rm(join(hostpart, `${name}${ending}`), { force: true })
    // A root that was written to is no longer what its manifest says; where there are no keys, none is needed.
    if ((await readRootKeys(ctx.root)).length === 0)
      verdict = await judge(join(hostpart, name), flags, session, ctx)
  }
  if (!verdict.accepted) {
    if (delivered !== undefined) await removeAll(delivered.file)
    await noteRefused(source, verdict.reason, session)
    return tell(verdict, flags, ctx)
  }
  for (const line of verdict.evidence) say('info', line)
  // What became of the files meanwhile; what was brought is gone on with when this is asked for again.
  if (delivered !== undefined) await begin(place, session, ctx.signal)
  if (name !== names.new) await putForward(hostpart, name, names.new)
  const asked = { ...(await askedAtRunTime(session, 'stage')), allowDowngrade: flags.allowDowngrade }
  const decision = await session.act(await session.observe(asked), false)
  const done = decision.outcome === 'updated'
  if (flags.json)
    printJson(ctx.stdout, { outcome: decision.outcome, candidate: verdict, actions: decision.actions })
  else for (const line of describeDecision(decision, session, false)) printLine(ctx.stdout, line)
  if (done) await rebootWhenAsked(flags.reboot, session, ctx)
  return done ? 'passed' : 'failed'
}

async function fetch(
  source: string,
  flags: StageFlags,
  session: Session,
  ctx: CliContext,
): Promise<Delivered> {
  const { http, clock, signal, root } = ctx
  const { keys, check } = await readClaimsCheck(flags, session, ctx)
  const local = !looksLikeUrl(source)
  const { hostpart, names, say } = session
  const amount = (bytes: number) => formatAmount(bytes, 'bytes')
  let shown = clock.monotonic()
  const delivered = await deliverImage(
    source,
    { hostpart, names },
    { keys, accept: check },
    {
      ...{ http, clock, signal, stream: createHttpStream(root) },
      say: (text) => say('warning', text),
      progress({ total, fetched, arrived, copied, reused, zero }) {
        if (clock.monotonic() - shown < 2000) return
        shown = clock.monotonic()
        const here = `${amount(arrived + copied + reused + zero)} of ${amount(total)}`
        say('info', local ? here : `${here}, ${amount(fetched)} of it fetched`)
      },
    },
  )
  const told = describeDelivered(delivered, local)
  if (told !== undefined) say('info', told)
  return delivered
}

/** Without what an address may hold besides its path. */
async function noteRefused(source: string, reason: string, session: Session): Promise<void> {
  const name = basename(looksLikeUrl(source) ? new URL(source).pathname : source)
  await session.note({ occasion: 'stage', outcome: 'refused', messages: [`${name} is refused: ${reason}`] })
}

async function writeSidecars({ file, manifest, signature }: Delivered): Promise<void> {
  for (const [i, bytes] of [manifest, signature].entries()) {
    const path = `${file}${SIDECARS[i]}`
    // One that is there is of an earlier attempt.
    await (bytes === undefined ? rm(path, { force: true }) : writeFile(path, bytes, { flush: true }))
  }
}

async function judge(
  file: string,
  { allowDowngrade, mayBeLink = false }: { allowDowngrade: boolean; mayBeLink?: boolean },
  { hostpart }: Session,
  ctx: CliContext,
): Promise<CandidateVerdict> {
  const { exec, signal, root } = ctx
  const record = await readRecord(hostpart)
  const keys = await readRootKeys(root)
  const notBefore = allowDowngrade ? undefined : await confirmedCreated(hostpart, record)
  return judgeFile(file, {
    ...{ exec, signal, folder: '/run', keys, denied: record?.denied ?? [], mayBeLink },
    ...(notBefore === undefined ? {} : { notBefore }),
  })
}

/** The manifest first: an image that a power cut leaves here alone would count as one without. */
async function putForward(hostpart: string, from: string, to: string): Promise<void> {
  // A signature without a manifest is of no image.
  for (const ending of SIDECARS) await rm(join(hostpart, `${to}${ending}`), { force: true })
  for (const ending of [...SIDECARS, '']) {
    await rename(join(hostpart, `${from}${ending}`), join(hostpart, `${to}${ending}`)).catch(
      (error: NodeJS.ErrnoException) => {
        if (ending === '' || error.code !== 'ENOENT') throw error
      },
    )
  }
  for (const folder of new Set([from, to].map((name) => dirname(join(hostpart, name))))) {
    await using directory = await open(folder, 'r')
    await directory.sync()
  }
}

async function removeAll(file: string): Promise<void> {
  for (const ending of ['', ...SIDECARS]) await rm(`${file}${ending}`, { force: true })
}
