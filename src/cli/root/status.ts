import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Outcome } from '../../exit.ts'
import { IMAGE_ROLES, type ImageNames } from '../../root/names.ts'
import { type FoundFiles, findFiles } from '../../root/observe/files.ts'
import type { LoaderTrial, Observed } from '../../root/schema.ts'
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
  const { odd } = await findFiles(session.hostpart, session.names)
  const rejected = await reasonOf(session)
  if (flags.json) {
    const { record, flag, loader } = observed
    printJson(ctx.stdout, {
      hostpart: session.hostpart,
      standing,
      images,
      revertAsked: flag,
      noFile: odd,
      rejected: rejected ?? null,
      loader: loader ?? null,
      denied: record?.denied ?? [],
    })
    return null
  }
  for (const line of describe(session, observed, standing, images, odd)) printLine(ctx.stdout, line)
  if (rejected !== undefined) printLine(ctx.stdout, `${session.names.rejected} was refused: ${rejected}`)
  return null
}

/** Why the candidate that was set aside last was refused; its first line. */
async function reasonOf({ hostpart, names }: Session): Promise<string | undefined> {
  const text = await readFile(join(hostpart, names.reason), 'utf8').catch(() => '')
  return text.split('\n')[0] || undefined
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
      kept: key === record?.confirmed,
      ...facts,
    })),
  )
}

function describe(
  { hostpart, names }: Session,
  observed: Observed,
  standing: Standing,
  images: Awaited<ReturnType<typeof imagesOf>>,
  odd: FoundFiles['odd'],
): string[] {
  const { loader, record } = observed
  const width = Math.max(0, ...images.map(({ file }) => file.length))
  const list = images
    .filter(({ role }) => odd[role] === undefined)
    .map(({ role, file, bytes, runs, kept, version, kernelRelease, confirmedAt }) => {
      const marks = [
        ...(runs ? ['runs'] : []),
        ...(confirmedAt === undefined ? [] : [`confirmed ${confirmedAt}`]),
        ...(kept && role !== 'current' ? ['the one to go back to'] : []),
      ]
      const facts = [
        version ?? 'version unknown',
        ...(kernelRelease === undefined ? [] : [`kernel ${kernelRelease}`]),
      ]
      return `  ${file.padEnd(width)}  ${formatAmount(bytes, 'bytes')}  ${[...facts, ...marks].join(', ')}`
    })
  return [
    `hostpart: ${hostpart}`,
    ...list,
    ...IMAGE_ROLES.flatMap((role) =>
      odd[role] === undefined ? [] : [`  ${names[role].padEnd(width)}  is ${odd[role]} and no image`],
    ),
    `current image: ${describeStanding(
      standing,
      images.find(({ role }) => role === 'current'),
    )}`,
    ...nextBoot(observed, names, odd),
    ...(loader === undefined ? [] : [describeCount(loader)]),
    ...(record?.denied ?? []).map(
      ({ digest, version, reason, time }) => `never again: ${version ?? digest}, ${reason} (${time})`,
    ),
  ]
}

/** What the next boot has been asked for, and what will come of it as far as that is known without looking into images. */
function nextBoot({ flag, files }: Observed, names: ImageNames, odd: FoundFiles['odd']): string[] {
  const waits = files.new === undefined ? '' : `; ${names.new} is kept as ${names.held}`
  if (flag) {
    const asked = `${names.flag} is there: the next boot`
    if (files.current === undefined && files.old === undefined)
      return [
        `${asked} finds no image${files.new === undefined ? '' : `; without the request it would look at ${names.new}`}`,
      ]
    if (files.current === undefined)
      return [`${asked} takes ${names.old}, as there is no ${names.current}${waits}`]
    if (files.old === undefined || files.old === files.current)
      return [`${asked} finds no other image to go back to, and removes the request${waits}`]
    return [`${asked} goes back to ${names.old}${waits}`]
  }
  if (files.new === undefined) return []
  return odd.new === undefined
    ? [`${names.new} is there: the next boot proves it, and takes it or sets it aside as ${names.rejected}`]
    : [`${names.new} is ${odd.new}: the next boot sets it aside as ${names.rejected}`]
}

function describeCount({ image, tries }: LoaderTrial): string {
  if (tries === 0) return `GRUB boots image ${image} no more, and goes back to the old one`
  return `GRUB boots image ${image} ${tries === 1 ? 'once' : `${tries} times`} more before it goes back to the old one`
}

function describeStanding(
  standing: Standing,
  current: { confirmedAt?: string | undefined } | undefined,
): string {
  const taken = 'taken as it is; nobody remembers a confirmation'
  switch (standing.is) {
    case 'missing':
      return 'missing'
    case 'confirmed':
      return current?.confirmedAt === undefined ? taken : 'confirmed'
    case 'adopted':
      return taken
    case 'on trial':
      return `on trial, ${standing.boots} of ${standing.limit} boots begun`
    case 'spent':
      return `its trial of ${standing.limit} boots has failed`
  }
}
