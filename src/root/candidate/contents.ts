import { readFile } from 'node:fs/promises'
import { parseEnvBlock } from '../loader/env-block.ts'
import { IMAGE_ENV, parseImageEnv } from '../loader/image-env.ts'
import { toldByGrub } from '../loader/kernel-arguments.ts'
import { VERSION_LIMIT } from '../record.ts'
import { findInImage, listInImage, openFound } from './in-image.ts'
import { initramfsFormat, readKernel } from './kernel.ts'
import { Refusal } from './refusal.ts'

/** What a root image holds. */
export interface ContentFacts {
  /** `image` of its /boot/speediso.env. */
  id?: string
  version?: string
  release: string
  format: string
  initramfs: string
  /** Which init it has. */
  init: string
  /** What GRUB loads: the path in the image, and where it is read here. */
  loaded: readonly (readonly [path: string, local: string])[]
}

const KERNEL = '/boot/kernel'
const INITRAMFS = '/boot/initramfs'
const INITS = ['/sbin/init', '/usr/lib/systemd/systemd']

/** No kernel and no /boot/speediso.env of this world is larger, in bytes. */
const KERNEL_LIMIT = 512 * 2 ** 20
const ENVIRONMENT_LIMIT = 64 * 1024

/** Of the 2048 bytes that the kernel takes (COMMAND_LINE_SIZE of x86 and arm64) a quarter is for what GRUB says itself. */
const APPEND_LIMIT = 1536

/** Looks for what a root image has to hold. @throws Refusal that names what is missing */
export async function checkContents(
  root: string,
  { arch, signal }: { arch: string; signal: AbortSignal },
): Promise<ContentFacts> {
  const kernelFile = await wanted(root, KERNEL, 'the kernel that GRUB loads')
  const initramfsFile = await wanted(root, INITRAMFS, 'the initramfs that GRUB loads')
  if (kernelFile.size > KERNEL_LIMIT)
    throw new Refusal(`its ${KERNEL} has ${kernelFile.size} bytes, which is no kernel`)
  const bytes = await readFile(kernelFile.path, { signal })
  const kernel = readKernel(bytes)
  if (kernel === undefined)
    throw new Refusal(`its ${KERNEL} is no kernel that GRUB loads: it takes a bzImage, or an arm64 Image`)
  if (kernel.bytes > bytes.length)
    throw new Refusal(
      `its ${KERNEL} has ${bytes.length} bytes, and ${kernel.bytes} by its own header: copy it whole`,
    )
  if (kernel.arch !== arch)
    throw new Refusal(`its ${KERNEL} is for ${kernel.arch}, and this machine takes one for ${arch}`)
  const { release } = kernel

  const initramfs = initramfsFormat(await head(initramfsFile, 16))
  if (initramfs === undefined)
    throw new Refusal(`its ${INITRAMFS} is no initramfs: it takes a cpio archive, packed or not`)

  await checkModules(root, release)
  const init = await findInit(root)
  signal.throwIfAborted()
  return {
    ...(await readEnvironment(root)),
    release,
    format: kernel.format,
    initramfs,
    init,
    loaded: [
      [KERNEL, kernelFile.path],
      [INITRAMFS, initramfsFile.path],
    ],
  }
}

type FoundFile = Extract<Awaited<ReturnType<typeof findInImage>>, { kind: 'file' }>

async function wanted(root: string, path: string, what: string): Promise<FoundFile> {
  const found = await findInImage(root, path)
  if (found.kind === 'missing')
    throw new Refusal(`it holds no ${path} (${found.why}): that has to be ${what}`)
  if (found.kind === 'folder') throw new Refusal(`its ${path} is a folder: that has to be ${what}`)
  return found
}

async function head(file: FoundFile, length: number): Promise<Buffer> {
  await using handle = await openFound(file)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0)
  return buffer.subarray(0, bytesRead)
}

async function checkModules(root: string, release: string): Promise<void> {
  const path = `/lib/modules/${release}`
  if ((await findInImage(root, path)).kind === 'folder') return
  const others = await listInImage(root, '/lib/modules')
  const has = others.length === 0 ? 'it has none' : `it has those of ${others.join(', ')}`
  throw new Refusal(`it holds no ${path}, the modules of its own kernel (${has})`)
}

async function findInit(root: string): Promise<string> {
  const faults: string[] = []
  for (const path of INITS) {
    const found = await findInImage(root, path)
    if (found.kind === 'file' && (found.mode & 0o111) !== 0) return path
    faults.push(found.kind === 'missing' ? found.why : `${path} cannot be run`)
  }
  throw new Refusal(`it holds no init (${faults.join('; ')}): it takes ${INITS.join(' or ')}, executable`)
}

/** What it says of itself, read as GRUB does. */
async function readEnvironment(root: string): Promise<{ id?: string; version?: string }> {
  const found = await findInImage(root, IMAGE_ENV)
  if (found.kind === 'missing') return {}
  const bytes =
    found.kind === 'file' && found.size <= ENVIRONMENT_LIMIT ? await readFile(found.path) : Buffer.alloc(0)
  const said = parseImageEnv(bytes)
  if (said === undefined)
    throw new Refusal(`its ${IMAGE_ENV} is no GRUB environment block: grub-editenv makes one`)
  const { image, version, append = '' } = said
  if (version !== undefined && version.length > VERSION_LIMIT)
    throw new Refusal(
      `version= in its ${IMAGE_ENV} has ${version.length} characters: it may have ${VERSION_LIMIT}`,
    )
  if (Buffer.byteLength(append) > APPEND_LIMIT)
    throw new Refusal(
      `append= in its ${IMAGE_ENV} has ${Buffer.byteLength(append)} bytes, and the kernel would cut its command line: it may have ${APPEND_LIMIT}`,
    )
  const told = toldByGrub(append.split(/\s+/))
  if (told !== undefined)
    throw new Refusal(`append= in its ${IMAGE_ENV} holds ${told}, which only GRUB can say: leave it out`)
  // The kernel hands what follows it to init, unread: the arguments of the host are among that.
  if (append.split(/\s+/).includes('--'))
    throw new Refusal(`append= in its ${IMAGE_ENV} holds --, which ends the kernel's arguments: leave it out`)
  const written = parseEnvBlock(bytes)?.get('image')
  // GRUB would take the filesystem's UUID, and whoever wrote the id means it to count.
  if (written !== undefined && image === undefined)
    throw new Refusal(`image=${written} in its ${IMAGE_ENV} is no id: it takes a UUID in small letters`)
  return { ...(image === undefined ? {} : { id: image }), ...(version === undefined ? {} : { version }) }
}
