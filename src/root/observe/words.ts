import { parseCommandLine, sameName } from '../../job/cmdline.ts'
import { parseDuration } from '../../job/duration.ts'
import { DEFAULT_ESP, namesEsp } from '../loader/esp.ts'
import { DEFAULT_REAL_ROOT } from '../names.ts'
import type { Fallback } from '../schema.ts'

/** What the kernel command line says of root images. */
export interface RootWords {
  /** Path of the current image on hostpart. */
  realRoot: string
  /** The file that the boot loader took the kernel from. */
  booted: 'current' | 'old'
  /** Id of the image that the kernel was loaded from. */
  image?: string
  /** Boots that GRUB has left for the current image; absent when it counts none, or could not save its count. */
  tries?: number
  fallback?: Fallback
  /** Boots that a new image has. */
  limit: number
  /** Milliseconds after its start that a boot of a trial has to be confirmed. */
  deadline: number
  /** The boot partition. */
  loader: string
  /** That GRUB, or somebody, has named it. */
  loaderTold: boolean
  /** Words that are not as they should be, for people. */
  problems: string[]
}

export const DEFAULT_TRIES = 3
/** Servers with many disks and much memory take minutes to start all of their services. */
export const DEFAULT_DEADLINE = 15 * 60_000

/** Never throws: a boot goes on by the defaults, whatever stands there. */
export function readRootWords(commandLine: string): RootWords {
  const problems: string[] = []
  const words = parseCommandLine(commandLine)
  const get = (name: string) => words.findLast((word) => sameName(word.name, name))?.value
  const take = <T>(name: string, usual: T, read: (value: string) => T | undefined, right: string): T => {
    const value = get(name)
    if (value === undefined) return usual
    const found = read(value)
    if (found === undefined) problems.push(`${name}=${value}: it has to be ${right}`)
    return found ?? usual
  }
  const oneOf =
    <T extends string>(...all: T[]) =>
    (value: string) =>
      all.find((each) => each === value)
  const tries = get('speediso.tries')
  const image = get('speediso.image')
  const fallback = take(
    'speediso.fallback',
    undefined,
    oneOf<Fallback>('tries', 'unreadable'),
    'tries or unreadable',
  )
  const loader = take(
    'speediso.loader',
    DEFAULT_ESP,
    (text) => (namesEsp(text) ? text : undefined),
    'LABEL=…, UUID=… or /dev/…',
  )
  return {
    realRoot: get('real_root') ?? DEFAULT_REAL_ROOT,
    booted: take('speediso.booted', 'current', oneOf('current', 'old'), 'current or old'),
    ...(image === undefined || image === '' ? {} : { image }),
    ...(tries !== undefined && /^[0-9]$/.test(tries) ? { tries: Number(tries) } : {}),
    ...(fallback === undefined ? {} : { fallback }),
    limit: take(
      'speediso.root.tries',
      DEFAULT_TRIES,
      (text) => (/^[1-9]$/.test(text) ? Number(text) : undefined),
      '1 to 9',
    ),
    deadline: take('speediso.root.deadline', DEFAULT_DEADLINE, duration, 'a duration such as 15m'),
    loader,
    loaderTold: loader !== DEFAULT_ESP,
    problems,
  }
}

function duration(text: string): number | undefined {
  try {
    return parseDuration(text)
  } catch {
    return undefined
  }
}
