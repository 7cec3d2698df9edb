import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { BuildError } from '../lib/errors.ts'
import { sha256File } from '../lib/hash.ts'

/** Kernel and initramfs lie beside the root in either flavour; in a root image they are also inside it. */
export const BOOT_PARTS = ['vmlinuz', 'initrd.img'] as const

/** Files of the live image. */
export const PARTS = [...BOOT_PARTS, 'rootfs.squashfs'] as const

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)

const part = z.strictObject({ name: z.enum([...PARTS, 'hn-root.img']), size: z.int().positive(), sha256 })

export const manifestSchema = z.strictObject({
  schema: z.literal('speediso.image/1'),
  version: z.string().regex(/^[0-9A-Za-z.~+-]+$/),
  /** Time of the build. */
  created: z.iso.datetime(),
  architecture: z.literal('amd64'),
  suite: z.string(),
  kernelRelease: z.string(),
  /** Hash of everything the image was made from, but its version. */
  inputHash: sha256,
  parts: z.array(part).length(PARTS.length),
  /** Of a root image: its own id, as in its /boot/speediso.env. */
  imageId: z.uuid().optional(),
  /** Bytes of all files in the root, unpacked. */
  rootSize: z.int().positive(),
  firmware: z.array(z.string()),
  /** What a boot loader must pass; `{base}` is the URL of the folder that holds the parts. */
  commandLine: z.string(),
  packages: z.array(z.strictObject({ name: z.string(), version: z.string(), architecture: z.string() })),
})

export type Manifest = z.infer<typeof manifestSchema>
export type Part = z.infer<typeof part>

/** The shortest kernel command line that boots this root from `{base}`. */
export function minimalCommandLine(rootSha256: string): string {
  return `root=live:{base}/rootfs.squashfs speediso.sha256=${rootSha256}`
}

/** The kernel command line for an image that is served at `baseUrl`. */
export function commandLine(manifest: Manifest, baseUrl: string): string {
  return manifest.commandLine.replaceAll('{base}', baseUrl.replace(/\/+$/, ''))
}

/** @throws BuildError when the manifest has no such part */
export function partOf(manifest: Manifest, name: Part['name']): Part {
  const found = manifest.parts.find((p) => p.name === name)
  if (found === undefined) throw new BuildError(`manifest of ${manifest.version}: no part ${name}`)
  return found
}

/** The kernel command line that boots a root image from hostpart, where it lies as hn-root.img. */
export const ROOT_COMMAND_LINE = 'real_root=/hn-root.img raw_loop_root_host_partition=LABEL=hostpart ro'

/** The text of SHA256SUMS, as `sha256sum --check` reads it. */
export function checksums(sums: readonly { name: string; sha256: string }[]): string {
  return sums.map((sum) => `${sum.sha256}  ${sum.name}\n`).join('')
}

/** @throws BuildError when there is none, or it is not one */
export async function readManifest(folder: string): Promise<Manifest> {
  const file = join(folder, 'manifest.json')
  try {
    return manifestSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    throw new BuildError(`${file}: not the manifest of an image`, { cause: error })
  }
}

/** What is wrong with an image folder, judged by its SHA256SUMS; empty when all is well. */
export async function verifyImage(folder: string, parts: readonly string[] = PARTS): Promise<string[]> {
  const text = await readFile(join(folder, 'SHA256SUMS'), 'utf8').catch(() => undefined)
  if (text === undefined) return ['SHA256SUMS is missing']
  const wanted = new Map(
    text
      .trim()
      .split('\n')
      .map((line) => [line.slice(66), line.slice(0, 64)]),
  )
  const problems: string[] = []
  for (const name of [...parts, 'manifest.json']) {
    const sum = await sha256File(join(folder, name)).catch(() => undefined)
    if (sum === undefined) problems.push(`${name} is missing`)
    else if (!wanted.has(name)) problems.push(`${name} is not in SHA256SUMS`)
    else if (wanted.get(name) !== sum) problems.push(`${name} does not match SHA256SUMS`)
  }
  return problems
}
