import { readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type Manifest, readManifest, verifyImage } from './manifest.ts'

export interface StoredImage {
  folder: string
  manifest: Manifest
}

/** The finished images in an output folder, newest first; folders that are no images are left out. */
async function listImages(output: string): Promise<StoredImage[]> {
  const images: StoredImage[] = []
  for (const entry of await readdir(output, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue
    const folder = join(output, entry.name)
    const manifest = await readManifest(folder).catch(() => undefined)
    if (manifest !== undefined) images.push({ folder, manifest })
  }
  return images.sort((a, b) => (a.manifest.created < b.manifest.created ? 1 : -1))
}

/** The newest image of these inputs that is whole by its checksums. */
export async function findImage(
  output: string,
  inputHash: string,
  say: (line: string) => void,
): Promise<StoredImage | undefined> {
  for (const image of await listImages(output)) {
    if (image.manifest.inputHash !== inputHash) continue
    const problems = await verifyImage(
      image.folder,
      image.manifest.parts.map((part) => part.name),
    )
    if (problems.length === 0) return image
    say(`image ${image.manifest.version} is damaged and not reused: ${problems.join('; ')}`)
  }
  return undefined
}

/** Removes all images but `current` and the newest others, `keep` in all. */
export async function dropOldImages(output: string, current: string, keep: number): Promise<void> {
  const old = (await listImages(output)).filter((image) => basename(image.folder) !== current)
  for (const image of old.slice(keep - 1)) await rm(image.folder, { recursive: true, force: true })
}
