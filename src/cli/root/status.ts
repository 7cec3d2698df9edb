import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Outcome } from '../../exit.ts'
import { IMAGE_ROLES } from '../../root/names.ts'
import type { Observed } from '../../root/schema.ts'
import { type Standing, standingOf } from '../../root/standing.ts'
import { formatAmount } from '../../runtime/format.ts'
import { type CliContext, printJson, printLine } from '../context.ts'
import { askedAtRunTime, openSession, type Session, type SessionFlags } from './session.ts'

/** Which images there are, which one runs, and how it stands with the current one. Changes nothing. */
export async function run(flags: SessionFlags & { json: boolean }, ctx: CliContext): Promise<Outcome> {
  const session = await openSession(flags, ctx)
  const observed = await session.observe(await askedAtRunTime(session, 'confirm'))
  const standing = standingOf(observed)
  const images = await imagesOf(session, observed)
  if (flags.json) {
    const { record, flag, loader } = observed
    printJson(ctx.stdout, {
      hostpart: session.hostpart,
      standing,
      images,
      revertAsked: flag,
      loader: loader ?? null,
      denied: record?.denied ?? [],
    })
    return null
  }
  for (const line of describe(session, observed, standing, images)) printLine(ctx.stdout, line)
  return null
}

async function imagesOf(session: Session, { files, record }: Observed) {
  const present = IMAGE_ROLES.flatMap((role) => {
    const key = files[role]
    return key === undefined ? [] : [{ role, key, facts: record?.images[key] }]
  })
  return Promise.all(
    present.map(async ({ role, key, facts }) => ({
      role,
      file: session.names[role],
      bytes: (await lstat(join(session.hostpart, session.names[role]))).size,
      runs: key === session.image,
      confirmed: key === record?.confirmed,
      ...facts,
    })),
  )
}

function describe(
  { hostpart, names }: Session,
  { flag, loader, record }: Observed,
  standing: Standing,
  images: Awaited<ReturnType<typeof imagesOf>>,
): string[] {
  const width = Math.max(0, ...images.map(({ file }) => file.length))
  const list = images.map(({ file, bytes, runs, confirmed, version, kernelRelease }) => {
    const marks = [...(runs ? ['runs'] : []), ...(confirmed ? ['last confirmed'] : [])]
    const facts = [
      version ?? 'version unknown',
      ...(kernelRelease === undefined ? [] : [`kernel ${kernelRelease}`]),
    ]
    return `  ${file.padEnd(width)}  ${formatAmount(bytes, 'bytes')}  ${[...facts, ...marks].join(', ')}`
  })
  return [
    `hostpart: ${hostpart}`,
    ...list,
    `current image: ${describeStanding(standing)}`,
    ...(flag ? [`${names.flag} is there: the next boot reverts`] : []),
    ...(loader === undefined ? [] : [`GRUB has ${loader.tries} boots left for image ${loader.image}`]),
    ...(record?.denied ?? []).map(
      ({ digest, version, reason, time }) => `never again: ${version ?? digest}, ${reason} (${time})`,
    ),
  ]
}

function describeStanding(standing: Standing): string {
  switch (standing.is) {
    case 'missing':
      return 'missing'
    case 'confirmed':
      return 'confirmed'
    case 'adopted':
      return 'taken as it is; nobody remembers a confirmation'
    case 'on trial':
      return `on trial, ${standing.boots} of ${standing.limit} boots begun`
    case 'spent':
      return `its trial of ${standing.limit} boots has failed`
  }
}
