import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SIDECARS } from './acts.ts'
import { Refusal } from './candidate/refusal.ts'
import { shareOf } from './deliver/seeds.ts'
import { parseManifest, type ReadManifest } from './manifest/manifest.ts'
import type { ImageNames } from './names.ts'
import { readSidecars } from './observe/candidate.ts'
import { keyOf, oddKind } from './observe/files.ts'
import type { StateRecord } from './record.ts'

/** Where a candidate's manifest goes with it, or comes from. */
const KEEPERS = ['held', 'rejected', 'broken'] as const

/**
 * Ends what a power cut may have left between an image and its manifest: one that lies where a candidate's would, without
 * a candidate. Of an image that was accepted before, it goes; of one that waits under another name, it goes there. Any
 * other stays: people bring the manifest before the image.
 * @throws an error of the disk
 */
export async function finishSidecars(
  hostpart: string,
  names: ImageNames,
  record: StateRecord | undefined,
): Promise<void> {
  const file = join(hostpart, names.new)
  if ((await keyOf(file)) !== undefined || (await oddKind(file)) !== undefined) return
  const manifest = await manifestOf(file)
  const read = Buffer.isBuffer(manifest) ? parsed(manifest) : undefined
  if (read === undefined) return
  const { sha256 } = read.manifest
  if (Object.values(record?.images ?? {}).some((image) => image.sha256 === sha256)) {
    for (const ending of SIDECARS) await rm(`${file}${ending}`, { force: true })
    return
  }
  for (const role of KEEPERS) {
    const other = join(hostpart, names[role])
    if ((await manifestOf(other)) !== undefined || !(await isOf(other, read))) continue
    // The manifest last, as it tells that there is something to end.
    for (const ending of SIDECARS.toReversed())
      await rename(`${file}${ending}`, `${other}${ending}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
    return
  }
}

/** One that is too large to be one is there all the same. */
async function manifestOf(file: string): Promise<Buffer | 'too large' | undefined> {
  try {
    return (await readSidecars(file)).manifest
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return 'too large'
  }
}

function parsed(manifest: Uint8Array): ReadManifest | undefined {
  try {
    return parseManifest(manifest)
  } catch {
    return undefined
  }
}

/** By its size and some of its chunks; all of it is proved when it is judged. */
async function isOf(file: string, { manifest, index }: ReadManifest): Promise<boolean> {
  if ((await keyOf(file)) === undefined) return false
  await using handle = await open(file, 'r')
  return (await handle.stat()).size === manifest.size && (await shareOf(handle, index)) === 1
}
