import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SIDECARS } from './acts.ts'
import { parseManifest } from './manifest/manifest.ts'
import { OWN_FOLDER } from './names.ts'
import { readSidecars } from './observe/candidate.ts'
import type { StateRecord } from './record.ts'

const FOLDER = `${OWN_FOLDER}/manifests`

/** Keeps the manifest of an accepted candidate: its chunks are what later updates copy from. */
export async function keepManifest(hostpart: string, candidate: string, sha256: string): Promise<void> {
  const { manifest } = await readSidecars(join(hostpart, candidate))
  if (manifest === undefined) return
  await mkdir(join(hostpart, FOLDER), { recursive: true })
  await writeFile(join(hostpart, FOLDER, `${sha256}.json`), manifest, { flush: true })
}

/**
 * Removes the manifest that lies where a candidate's would, without a candidate, when its image was accepted before: a
 * power cut has left it there, and the next candidate must not be judged by it.
 */
export async function dropAcceptedSidecars(
  hostpart: string,
  candidate: string,
  record: StateRecord,
): Promise<void> {
  const file = join(hostpart, candidate)
  if (
    await access(file).then(
      () => true,
      () => false,
    )
  )
    return
  const { manifest } = await readSidecars(file)
  if (manifest === undefined) return
  let sha256: string | undefined
  try {
    sha256 = parseManifest(manifest).manifest.sha256
  } catch {
    return
  }
  if (!Object.values(record.images).some((image) => image.sha256 === sha256)) return
  for (const ending of SIDECARS) await rm(`${file}${ending}`, { force: true })
}

/** Removes those of images that are gone. */
export async function dropManifests(hostpart: string, record: StateRecord): Promise<void> {
  const wanted = new Set(Object.values(record.images).map(({ sha256 }) => `${sha256}.json`))
  const present = await readdir(join(hostpart, FOLDER)).catch(() => [])
  for (const name of present) {
    if (!wanted.has(name)) await rm(join(hostpart, FOLDER, name), { force: true })
  }
}
