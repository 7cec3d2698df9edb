import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SpeedisoError } from '../errors.ts'
import { SIDECARS } from './acts.ts'
import { parseManifest } from './manifest/manifest.ts'
import { OWN_FOLDER } from './names.ts'
import { readSidecars } from './observe/candidate.ts'
import { keyOf } from './observe/files.ts'
import { notOwn } from './own-folder.ts'
import type { StateRecord } from './record.ts'

const FOLDER = `${OWN_FOLDER}/manifests`

/**
 * Keeps the manifest of an accepted candidate, with its signature: its chunks are what later updates copy from, and it
 * proves the image again once that was reverted.
 */
export async function keepManifest(hostpart: string, candidate: string, sha256: string): Promise<void> {
  const { manifest, signature } = await readSidecars(join(hostpart, candidate))
  if (manifest === undefined) return
  const other = await notOwn(hostpart, 'manifests')
  if (other !== undefined) throw new SpeedisoError(`${other}: is no folder of its own`, { hint: 'remove it' })
  await mkdir(join(hostpart, FOLDER), { recursive: true })
  const kept = keptManifest(hostpart, sha256)
  if (signature !== undefined) await writeFile(`${kept}${SIGNATURE}`, signature, { flush: true })
  await writeFile(kept, manifest, { flush: true })
}

const SIGNATURE = '.sig'
const keptManifest = (hostpart: string, sha256: string) => join(hostpart, FOLDER, `${sha256}.json`)

/**
 * Puts the kept manifest and signature of an image that was accepted before beside it again, where none lies there.
 * @returns whether they lie there now
 */
export async function recallManifest(
  hostpart: string,
  name: string,
  record: StateRecord | undefined,
): Promise<boolean> {
  const file = join(hostpart, name)
  const key = await keyOf(file)
  const sha256 = record?.images[key ?? '']?.sha256
  if (sha256 === undefined || (await readSidecars(file)).manifest !== undefined) return false
  const kept = keptManifest(hostpart, sha256)
  const copy = (from: string, to: string) =>
    copyFile(from, to).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false
        throw error
      },
    )
  const [manifest, signature] = SIDECARS
  await copy(`${kept}${SIGNATURE}`, `${file}${signature}`)
  return copy(kept, `${file}${manifest}`)
}

/** When the image that was confirmed last was made (ISO 8601), by the manifest that was kept of it; undefined without one. */
export async function confirmedCreated(
  hostpart: string,
  record: StateRecord | undefined,
): Promise<string | undefined> {
  const sha256 = record?.images[record.confirmed ?? '']?.sha256
  if (sha256 === undefined) return undefined
  try {
    const { manifest } = parseManifest(await readFile(join(hostpart, FOLDER, `${sha256}.json`)))
    return manifest.sha256 === sha256 ? manifest.created : undefined
  } catch {
    return undefined
  }
}

/** Removes those of images that are gone. */
export async function dropManifests(hostpart: string, record: StateRecord): Promise<void> {
  const wanted = new Set(
    Object.values(record.images).flatMap(({ sha256 }) => [`${sha256}.json`, `${sha256}.json${SIGNATURE}`]),
  )
  if ((await notOwn(hostpart, 'manifests')) !== undefined) return
  const present = await readdir(join(hostpart, FOLDER)).catch(() => [])
  for (const name of present) {
    if (!wanted.has(name)) await rm(join(hostpart, FOLDER, name), { force: true })
  }
}
