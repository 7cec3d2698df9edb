import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
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
  const wanted = new Set(Object.values(record.images).map(({ sha256 }) => `${sha256}.json`))
  const present = await readdir(join(hostpart, FOLDER)).catch(() => [])
  for (const name of present) {
    if (!wanted.has(name)) await rm(join(hostpart, FOLDER, name), { force: true })
  }
}
