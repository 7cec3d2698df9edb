import { join } from 'node:path'
import { explainInLine } from '../../errors.ts'
import type { TrustKey } from '../../job/trust.ts'
import type { Clock } from '../../system/clock.ts'
import type { Exec } from '../../system/exec.ts'
import type { MountDeps } from '../candidate/mounted.ts'
import { confirmedCreated } from '../manifests.ts'
import { IMAGE_ROLES, type ImageNames, type ImageRole } from '../names.ts'
import type { FileKey, ImageFacts, StateRecord } from '../record.ts'
import { isRecordLost, readRecord } from '../record-file.ts'
import type { LoaderTrial, Observed, Occasion } from '../schema.ts'
import { judgeFile } from './candidate.ts'
import { type FoundFiles, findFiles } from './files.ts'
import { canBeRoot, digestBoot, lookAt } from './image.ts'
import type { RootWords } from './words.ts'

export interface ObserveDeps {
  exec: Exec
  signal: AbortSignal
  clock: Clock
  hostpart: string
  names: ImageNames
  words: RootWords
  keys: readonly TrustKey[]
  /** For mount points. */
  folder: string
  say: (level: 'info' | 'warning', text: string) => void
}

export interface Asked {
  occasion: Occasion
  /** File of the image that runs, where it is known otherwise than by what the boot loader said. */
  running?: FileKey
  /** What GRUB counts, as read from its copies; at a boot the kernel command line says it. */
  loader?: LoaderTrial
  why?: string
  /** Take a signed image that is older than the confirmed one. */
  allowDowngrade?: boolean
  /** Why a candidate is not looked at, and waits. */
  wait?: string
}

/** Looks at hostpart, and changes nothing. @throws ReadError when its files cannot be looked at; the signal's reason */
export async function observe(
  { occasion, running, loader, why, allowDowngrade = false, wait }: Asked,
  deps: ObserveDeps,
): Promise<Observed> {
  const { hostpart, names, words, clock } = deps
  const found = await findFiles(hostpart, names)
  const { files, flag } = found
  for (const line of describeOdd(found, names)) deps.say('warning', line)
  const record = await readRecord(hostpart)
  if (record === undefined && (await isRecordLost(hostpart)))
    deps.say(
      'warning',
      'what was remembered of the images cannot be read any more, so that one that has failed here may be taken again',
    )
  const look = createLook(files, deps)
  const facts: Record<FileKey, ImageFacts> = {}
  const judges = files.new !== undefined && !flag && (occasion === 'boot' || occasion === 'stage')
  const judging = judges && wait === undefined
  if (judges && wait !== undefined) deps.say('warning', `${names.new} waits for the next boot: ${wait}`)
  // Only what the boot loader's words, its count or a candidate's id is compared with is looked at: each look takes time
  // before anything boots.
  const compares = occasion === 'boot' ? words.image !== undefined : loader !== undefined
  for (const role of ['current', 'old'] as const) {
    const key = files[role]
    if (key === undefined || record?.images[key] !== undefined || !(compares || judging)) continue
    const seen = await look.facts(key)
    if (seen !== undefined) facts[key] = seen
  }
  const ids = idsOf(files, record, facts)
  const named = files[words.booted]
  const remembered = named !== undefined && record?.images[named] !== undefined
  if (occasion === 'boot' && remembered && words.image !== undefined && ids[named] !== words.image) {
    // Another image may have been written into the same file, which what is remembered of it does not know.
    const seen = await look.facts(named)
    if (seen?.id === words.image) {
      facts[named] = seen
      ids[named] = seen.id
    }
  }
  const booted = running ?? (occasion === 'boot' ? bootedBy(words, files, ids) : undefined)
  const told = occasion === 'boot' ? countedAtBoot(words, files, ids) : loader
  const other = booted === undefined || booted === 'gone' ? undefined : booted
  const wanted = occasion === 'boot' && (flag || words.fallback !== undefined) ? files.old : undefined
  const compared =
    occasion === 'boot' && other !== undefined && (files.new !== undefined || wanted !== undefined)
  const own = compared ? await look.boot(other) : undefined
  const sameKernel =
    wanted !== undefined && own !== undefined && (await look.boot(wanted)) === own ? [wanted] : []
  const notBefore = judging && !allowDowngrade ? await confirmedCreated(hostpart, record) : undefined
  const judged = judging
    ? await judgeFile(join(hostpart, names.new), {
        ...deps,
        denied: record?.denied ?? [],
        ...(notBefore === undefined ? {} : { notBefore }),
        ...(own === undefined ? {} : { bootDigest: own }),
      }).catch((error: unknown) => {
        deps.signal.throwIfAborted()
        if (occasion !== 'boot') throw error
        // It says nothing of the candidate: it waits, and the boot goes on.
        deps.say('warning', `${names.new} cannot be judged now: ${explainInLine(error)}`)
        return undefined
      })
    : undefined
  // By itself GRUB boots the old image only with a reason.
  const chosen = words.booted === 'old' && words.fallback === undefined
  const useful =
    files.old === undefined || files.old === files.current
      ? true
      : occasion !== 'boot'
        ? // The initramfs goes to the old image only when the current one cannot be the root.
          booted !== files.old || chosen
        : // A candidate is about to take the place of the old image as the one to go back to.
          judged?.accepted !== true || booted !== files.current || (await look.fits(booted ?? '')) !== false
  return {
    ...{ occasion, files, flag, facts, ids, sameKernel, tries: words.limit },
    time: new Date(clock.now()).toISOString(),
    ...(found.passing === undefined ? {} : { passing: found.passing }),
    // One that GRUB could not load is as good as none.
    ...(found.currentIsLink && words.fallback !== 'unreadable' ? { currentIsLink: true } : {}),
    ...(record === undefined ? {} : { record }),
    ...(told === undefined ? {} : { loader: told }),
    ...(booted === undefined ? {} : { booted }),
    ...(words.fallback === undefined ? {} : { fallback: words.fallback }),
    ...(chosen ? { chosen: true } : {}),
    ...(useful ? {} : { unusable: true }),
    ...(judged === undefined ? {} : { candidate: judged }),
    ...(why === undefined ? {} : { why }),
  }
}

/** What was set aside may be anything, and a candidate gets its own answer. */
function describeOdd({ odd, flag }: FoundFiles, names: ImageNames): string[] {
  return IMAGE_ROLES.flatMap((role) => {
    const kind = odd[role]
    if (kind === undefined || role === 'rejected' || (role === 'new' && !flag)) return []
    return [`${names[role]} is ${kind}: an image has to be a file itself, so it does not count`]
  })
}

type Files = Readonly<Partial<Record<ImageRole, FileKey>>>
type Ids = Readonly<Record<FileKey, string>>

function idsOf(
  files: Files,
  record: StateRecord | undefined,
  facts: Readonly<Record<FileKey, ImageFacts>>,
): Record<FileKey, string> {
  const ids: Record<FileKey, string> = {}
  for (const key of Object.values(files)) {
    const id = record?.images[key]?.id ?? facts[key]?.id
    if (id !== undefined && id !== '') ids[key] = id
  }
  return ids
}

/** The file that the kernel came from. GRUB may have seen other names than the kernel does now: the image's id decides. */
export function bootedBy(
  words: Pick<RootWords, 'booted' | 'image'>,
  files: Files,
  ids: Ids,
): Observed['booted'] {
  const named = files[words.booted]
  if (words.image === undefined) return named
  if (named !== undefined && ids[named] === words.image) return named
  const other = IMAGE_ROLES.map((role) => files[role]).find(
    (key) => key !== undefined && ids[key] === words.image,
  )
  if (other !== undefined) return other
  // An image whose id could not be read may well be the one.
  const unread = named !== undefined && ids[named] === undefined
  return unread ? named : 'gone'
}

function countedAtBoot(words: RootWords, files: Files, ids: Ids): LoaderTrial | undefined {
  const { current } = files
  if (words.tries === undefined || current === undefined) return undefined
  // GRUB counts the image that it boots, or the one that it has gone back from.
  const image = words.booted === 'current' ? words.image : ids[current]
  return image === undefined ? undefined : { image, tries: words.tries }
}

/** Looks into files; what cannot be seen is said, and not known. */
function createLook(files: Files, { hostpart, names, exec, signal, folder, say }: ObserveDeps) {
  const into = async <T>(
    key: FileKey,
    work: (file: string, deps: MountDeps) => Promise<T>,
  ): Promise<Awaited<T> | undefined> => {
    const role = IMAGE_ROLES.find((each) => files[each] === key)
    if (role === undefined) return undefined
    try {
      return await work(join(hostpart, names[role]), { exec, signal, folder })
    } catch (error) {
      signal.throwIfAborted()
      say('warning', `${names[role]}: ${explainInLine(error)}`)
      return undefined
    }
  }
  return {
    facts: (key: FileKey) => into(key, lookAt),
    boot: (key: FileKey) => into(key, digestBoot),
    fits: (key: FileKey) => into(key, canBeRoot),
  }
}
