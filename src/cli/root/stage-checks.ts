import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { InputError } from '../../errors.ts'
import { SIDECARS } from '../../root/acts.ts'
import { looksLikeUrl } from '../../root/deliver/address.ts'
import { findFiles } from '../../root/observe/files.ts'
import { readRecord } from '../../root/record-file.ts'
import { finishSidecars } from '../../root/sidecars.ts'
import { isSameFolder } from './place.ts'
import type { Session } from './session.ts'

/** An image that lies on hostpart under a name of the protocol is taken where it is, whichever way the path leads there. */
export async function ownPlace(source: string, { hostpart, names }: Session): Promise<string | undefined> {
  if (looksLikeUrl(source)) return undefined
  const path = resolve(source)
  for (const name of [names.new, names.held, names.broken, names.rejected]) {
    const own = join(hostpart, name)
    if (basename(path) === basename(own) && (await isSameFolder(dirname(path), dirname(own)))) return name
  }
  return undefined
}

/** @throws InputError for what is no image file that can be copied */
export async function checkFile(source: string): Promise<void> {
  const found = await stat(source).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`${source}: ${cause.code === 'ENOENT' ? 'there is no such file' : cause.code}`, {
      cause,
    })
  })
  if (!found.isFile()) throw new InputError(`${source}: is no file`, { hint: 'name the file of an image' })
}

/** Nobody else changes anything from here on, and there is room for a candidate. @throws InputError */
export async function begin(
  place: string | undefined,
  session: Session,
  wait?: AbortSignal,
): Promise<Disposable> {
  const { hostpart, names } = session
  const lock = await session.lock(wait)
  // Before it is judged: a power cut may have left its manifest elsewhere.
  await finishSidecars(hostpart, names, await readRecord(hostpart))
  await checkFree(place, session)
  const manifest = `${names.new}${SIDECARS[0]}`
  const brought = place !== names.new && (await stat(join(hostpart, manifest)).catch(() => undefined))
  if (brought)
    throw new InputError(`${manifest} is there already, without its image`, {
      hint: `bring its image, or remove ${join(hostpart, manifest)}`,
    })
  return lock
}

/** @throws InputError when somebody else's request would be mixed up with this one */
export async function checkFree(place: string | undefined, { hostpart, names }: Session): Promise<void> {
  const { files, flag, currentIsLink } = await findFiles(hostpart, names)
  if (currentIsLink)
    throw new InputError(`${names.current} is a symbolic link, so nothing is changed`, {
      hint: 'put the file itself there',
    })
  if (flag)
    throw new InputError(`${names.flag} is there: the next boot would revert what is staged now`, {
      hint: `reboot first, or remove ${join(hostpart, names.flag)}`,
    })
  if (files.new !== undefined && place !== names.new)
    throw new InputError(`${names.new} is there already`, {
      hint: `stage that one (speediso root stage ${join(hostpart, names.new)}), or remove it`,
    })
}
