import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeManifest, manifestBytes } from '../../../src/root/manifest/manifest.ts'
import { temporaryDir } from './temporary.ts'

/** What the manifests of these tests say of their images. */
export const DESCRIPTION = {
  image: '0f1e2d3c-4b5a-4968-8776-655443322110',
  version: '2',
  kernelRelease: '6.1',
  created: '2026-01-02T03:04:05Z',
}

/** The manifest of an image of these bytes. */
export async function manifestOf(bytes: Uint8Array): Promise<Buffer> {
  return manifestBytes(await makeManifest(fileOf(bytes), DESCRIPTION, { signal }))
}

/** The same with a pack of its chunks. */
export async function packOf(bytes: Uint8Array): Promise<{ manifest: Buffer; pack: Buffer }> {
  const file = fileOf(bytes)
  const manifest = manifestBytes(await makeManifest(file, DESCRIPTION, { signal }, `${file}.chunks`))
  return { manifest, pack: readFileSync(`${file}.chunks`) }
}

const { signal } = new AbortController()

function fileOf(bytes: Uint8Array): string {
  const file = join(temporaryDir(), 'image')
  writeFileSync(file, bytes)
  return file
}
