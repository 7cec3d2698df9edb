import { access, constants, stat } from 'node:fs/promises'
import { InputError, ReadError, SpeedisoError } from '../../errors.ts'
import { type EspDeps, findEsp } from '../../root/loader/esp.ts'
import type { CliContext } from '../context.ts'

/** Where the initramfs mounts it, and where the instructions of old have it. */
const PLACES = ['/run/hostpart', '/hostpart'] as const

/** Undefined: this system has none. */
export async function findMounted({ root }: CliContext): Promise<string | undefined> {
  const mounts = (await root.readText('/proc/self/mounts')) ?? ''
  const targets = new Set(mounts.split('\n').map((line) => line.split(' ')[1]))
  return PLACES.find((place) => targets.has(place))
}

/** @param named whether another folder could be named */
export function noHostpart(named: boolean): never {
  const other = named ? '; --hostpart DIR works on any folder' : ''
  throw new InputError('no hostpart is mounted here', {
    hint: `it would be at ${PLACES.join(' or ')}${other}`,
  })
}

/** The same folder of the same filesystem, however it is named or mounted. */
export async function isSameFolder(one: string, other: string | undefined): Promise<boolean> {
  if (other === undefined) return false
  const [a, b] = await Promise.all([one, other].map((path) => stat(path).catch(() => undefined)))
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino
}

/** @throws InputError */
export async function checkFolder(hostpart: string): Promise<void> {
  const found = await stat(hostpart).catch(() => undefined)
  if (found?.isDirectory() === true) return
  throw new InputError(`--hostpart ${hostpart}: is no folder`, {
    hint: 'name the folder where hostpart is mounted',
  })
}

/** @throws InputError for a path or a label that leads nowhere, or to more than one partition */
export async function checkEsp(esp: string, deps: EspDeps): Promise<void> {
  if (/^(LABEL|UUID)=/.test(esp)) {
    await findEsp(esp, deps).catch((cause: unknown) => {
      if (!(cause instanceof ReadError)) throw cause
      throw new InputError(`--esp ${esp}: ${cause.message}`, {
        hint: cause.hint ?? 'blkid lists what there is',
        cause,
      })
    })
    return
  }
  if ((await stat(esp).catch(() => undefined)) !== undefined) return
  throw new InputError(`--esp ${esp}: there is no such folder or device`, {
    hint: 'name where the boot partition is mounted, its device, or LABEL=… or UUID=…',
  })
}

/** Hostpart is mounted read-only, and something was to be written. */
export class ReadOnlyError extends SpeedisoError {
  override readonly code: string = 'read-only'

  constructor(hostpart: string, cause: unknown) {
    super('hostpart is mounted read-only', {
      hint: `mount -o remount,rw ${hostpart}; a filesystem with errors is mounted so`,
      cause,
    })
  }
}

/** @param failed what has failed already, perhaps for that. @throws ReadOnlyError where nothing can be written */
export async function checkWritable(hostpart: string, failed?: unknown): Promise<void> {
  await access(hostpart, constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EROFS') throw new ReadOnlyError(hostpart, failed ?? cause)
  })
}
