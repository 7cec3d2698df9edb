import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { posix } from 'node:path'
import { InputError } from '../../errors.ts'
import { writeText } from '../../system/write-file.ts'
import { findInImage } from '../candidate/in-image.ts'
import { readKernel } from '../candidate/kernel.ts'
import { formatEnvBlock, parseEnvBlock } from '../loader/env-block.ts'
import { IMAGE_ENV } from '../loader/image-env.ts'
import { resolveFolder } from './resolve.ts'

/** What a root image has to be one, and what it says of itself. */
export interface BootFiles {
  /** As its kernel tells it; undefined when that tells none. */
  kernelRelease?: string
  /** Variables of its /boot/speediso.env, none when it has no such file. */
  variables: ReadonlyMap<string, string>
  /** IMAGE_VERSION or VERSION_ID of its os-release. */
  osVersion?: string
}

/** @throws InputError when this is no root image: nothing was changed */
export async function readBootFiles(root: string): Promise<BootFiles> {
  const kernel = await wanted(root, '/boot/kernel', 'the kernel that GRUB loads')
  await wanted(root, '/boot/initramfs', 'the initramfs that GRUB loads')
  const kernelRelease = readKernel(await readFile(kernel))?.release
  const env = await findInImage(root, IMAGE_ENV)
  const variables = env.kind === 'file' ? parseEnvBlock(await readFile(env.path)) : new Map<string, string>()
  if (variables === undefined || env.kind === 'folder')
    throw new InputError(`its ${IMAGE_ENV} is no GRUB environment block`, {
      hint: 'remove it, or make it with grub-editenv',
    })
  const osVersion = await readOsVersion(root)
  return {
    variables,
    ...(kernelRelease === undefined ? {} : { kernelRelease }),
    ...(osVersion === undefined ? {} : { osVersion }),
  }
}

/** Gives the image a new id, and keeps what else it says to the boot loader. @returns the id */
export async function writeImageId(
  root: string,
  variables: ReadonlyMap<string, string>,
  version: string | undefined,
): Promise<string> {
  const id = randomUUID()
  const all = new Map<string, string>([['image', id]])
  if (version !== undefined) all.set('version', version)
  for (const [name, value] of variables) if (!all.has(name)) all.set(name, value)
  const bytes = formatEnvBlock(all)
  const found = await findInImage(root, IMAGE_ENV)
  const boot = await resolveFolder(root, 'boot')
  const path = found.kind === 'file' ? found.path : `${root}/${boot}/${posix.basename(IMAGE_ENV)}`
  await writeText(path, bytes.toString(), 0o644)
  return id
}

async function wanted(root: string, path: string, what: string): Promise<string> {
  const found = await findInImage(root, path)
  if (found.kind === 'file') return found.path
  throw new InputError(
    found.kind === 'missing' ? `it holds no ${path} (${found.why})` : `its ${path} is a folder`,
    { hint: `${path} has to be ${what}, or a link to it` },
  )
}

async function readOsVersion(root: string): Promise<string | undefined> {
  const found = await findInImage(root, '/etc/os-release')
  const file = found.kind === 'file' ? found : await findInImage(root, '/usr/lib/os-release')
  if (file.kind !== 'file') return undefined
  const text = await readFile(file.path, 'utf8')
  for (const name of ['IMAGE_VERSION', 'VERSION_ID']) {
    const [, value] = new RegExp(`^${name}=["']?([\\w.+~^-]+)["']?\\s*$`, 'm').exec(text) ?? []
    if (value !== undefined) return value
  }
  return undefined
}
