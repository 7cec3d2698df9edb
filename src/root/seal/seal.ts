import { access, constants, stat } from 'node:fs/promises'
import { explainInLine, InputError } from '../../errors.ts'
import type { Verdict } from '../../runtime/verdict.ts'
import type { Exec } from '../../system/exec.ts'
import { sealStep } from './act.ts'
import { readBootFiles, writeImageId } from './boot-files.ts'
import type { SealEntry } from './entry.ts'
import { openImage } from './image-file.ts'
import { type Listing, listPlaces } from './list.ts'
import { planSeal, type SealStep } from './plan.ts'
import { findRemnants, MOST_NEEDLES, type Needle, type Remnant } from './remnants.ts'

export interface SealDeps {
  exec: Exec
  signal: AbortSignal
  table: readonly SealEntry[]
  /** What does a step; another one in tests. */
  act?: typeof sealStep
  /** Where folders for mounts are made. */
  temporary: string
  /** Root of the machine that seals: `/`. */
  machine: string
  /** Told what is being done. */
  log(line: string): void
}

export interface SealPlan {
  target: 'image' | 'folder'
  steps: SealStep[]
  unseen: Listing['unseen']
}

export interface SealResult extends SealPlan {
  verdict: Verdict
  /** What keeps the verdict from being passed. */
  reasons: string[]
  /** The image's new id. */
  image: string
  version?: string
  kernelRelease?: string
  /** What the second look has found: nothing, when it is sealed. */
  left: SealStep[]
  /** What fstrim said; undefined for a folder. */
  trimmed?: string
  /** Pieces of what was secret, and how many of them were looked for in the raw image; undefined for a folder. */
  searched?: { needles: number; of: number; found: Remnant[] }
}

export interface SealOptions {
  /** Of the image; without one it keeps its own, else that of its os-release. */
  version?: string | undefined
  /** Whether everything has to be known that a manifest says. */
  described?: boolean
}

/** What sealing would do; changes nothing. @throws InputError when it cannot be sealed */
export async function showSeal(path: string, deps: SealDeps): Promise<SealPlan> {
  return onTarget(path, true, deps, async (root, target) => {
    await readBootFiles(root)
    return { target, ...(await look(root, deps)) }
  })
}

/**
 * Takes everything of the table out of a root image, gives it a new id, looks again, and searches the raw image for what
 * was secret. Passed only when nothing is left.
 * @throws InputError when it cannot be sealed: nothing was changed; the errors of the filesystem, after some was
 */
export async function seal(
  path: string,
  { version: wanted, described = false }: SealOptions,
  deps: SealDeps,
): Promise<SealResult> {
  const needles: Needle[] = []
  const result = await onTarget(path, false, deps, async (root, target, trim): Promise<SealResult> => {
    const { variables, kernelRelease, osVersion } = await readBootFiles(root)
    const version = wanted ?? variables.get('version') ?? osVersion
    if (described && version === undefined)
      throw new InputError('a manifest names a version, and this image has none', {
        hint: 'give it with --image-version',
      })
    if (described && kernelRelease === undefined)
      throw new InputError('its /boot/kernel does not tell its release, which a manifest names')
    const { steps, unseen } = await look(root, deps)
    deps.log(`${steps.length} places to clear`)
    for (const step of steps) {
      deps.signal.throwIfAborted()
      needles.push(...(await (deps.act ?? sealStep)(root, step)))
    }
    const image = await writeImageId(root, variables, version)
    const again = await look(root, deps)
    const reasons = [
      ...again.steps.map((step) => `/${step.path} is still there (${step.entry})`),
      ...again.unseen.map((each) => `/${each.path} ${each.why}`),
    ]
    const result: SealResult = {
      target,
      verdict: again.steps.length > 0 ? 'failed' : again.unseen.length > 0 ? 'unknown' : 'passed',
      reasons,
      image,
      ...(version === undefined ? {} : { version }),
      ...(kernelRelease === undefined ? {} : { kernelRelease }),
      steps,
      unseen,
      left: again.steps,
    }
    if (trim === undefined) return result
    try {
      return { ...result, trimmed: await trim() }
    } catch (error) {
      const why = `what was removed may still lie in free blocks: ${explainInLine(error)}`
      return { ...result, verdict: worse(result.verdict, 'unknown'), reasons: [...reasons, why] }
    }
  })
  return result.target === 'image' ? search(path, result, needles, deps) : result
}

async function search(
  path: string,
  result: SealResult,
  needles: readonly Needle[],
  deps: SealDeps,
): Promise<SealResult> {
  const some = needles.slice(0, MOST_NEEDLES)
  if (some.length > 0) deps.log(`searching the raw image for ${some.length} removed secrets`)
  const found = await findRemnants(path, some, deps.signal)
  const searched = { needles: some.length, of: needles.length, found }
  if (found.length === 0) return { ...result, searched }
  const reasons = found.map(
    ({ path, offset }) => `a piece of what was /${path} is still in the image, at byte ${offset}`,
  )
  return { ...result, searched, verdict: 'failed', reasons: [...result.reasons, ...reasons] }
}

async function look(root: string, { table, signal }: SealDeps): Promise<Pick<SealPlan, 'steps' | 'unseen'>> {
  const listing = await listPlaces(root, table, signal)
  const { unseen } = listing
  const mounted = unseen.find(({ why }) => why === 'is on another filesystem')
  if (mounted !== undefined)
    throw new InputError(`/${mounted.path} ${mounted.why}`, {
      hint: 'unmount what is mounted in this folder',
    })
  return { steps: planSeal(table, listing), unseen }
}

/** Unmounts an image whatever happens, and says so when that fails. */
async function onTarget<T>(
  path: string,
  readOnly: boolean,
  deps: SealDeps,
  act: (root: string, target: SealPlan['target'], trim?: () => Promise<string>) => Promise<T>,
): Promise<T> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`${path}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`)
  })
  if (stats.isDirectory()) {
    const own = await stat(deps.machine)
    if (stats.dev === own.dev && stats.ino === own.ino)
      throw new InputError(`${path} is the root of this machine, which would lose its identity`, {
        hint: 'give an image file, or the folder where an image is mounted',
      })
    if (!readOnly)
      await access(path, constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
        throw new InputError(`${path}: nothing can be written there (${cause.code})`, {
          hint: 'mount it for writing',
          cause,
        })
      })
    return named(path, () => act(path.replace(/(?<=.)\/+$/, ''), 'folder'))
  }
  const image = await openImage(path, { readOnly }, { ...deps, sys: `${deps.machine}/sys` })
  let result: T
  try {
    result = await named(path, () => act(image.root, 'image', image.trim))
  } catch (error) {
    await image.close()
    throw error
  }
  await image.close()
  return result
}

/** What is wrong with one of many images is no use without its name. */
async function named<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof InputError) error.message = `${path}: ${error.message}`
    throw error
  }
}

function worse(a: Verdict, b: Verdict): Verdict {
  return a === 'failed' || b === 'failed' ? 'failed' : a === 'passed' ? b : a
}
