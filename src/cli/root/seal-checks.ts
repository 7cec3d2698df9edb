import { access, constants, readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { InputError } from '../../errors.ts'
import { PACK_SUFFIX } from '../../root/manifest/pack.ts'
import { signManifest } from '../../root/manifest/signature.ts'

/** What sealing writes besides the image. */
export interface SealOutput {
  manifest: string
  pack: string | undefined
  /** Private key in PEM. */
  key: string | undefined
}

export interface SealOutputFlags {
  /** Empty: beside the image. */
  manifest: string | undefined
  pack: boolean
  signKey: string | undefined
}

/**
 * What is to be written besides the image; undefined: nothing. What would fail at the end is told before anything changes.
 * @throws InputError
 */
export async function checkOutput(
  image: string,
  { manifest: given, pack: packed, signKey }: SealOutputFlags,
): Promise<SealOutput | undefined> {
  if (given === undefined) {
    if (packed)
      throw new InputError('--pack: there is no manifest to tell what is in it', { hint: 'add --manifest' })
    if (signKey !== undefined)
      throw new InputError('--sign-key: there is no manifest to sign', { hint: 'add --manifest' })
    return undefined
  }
  const manifest = given === '' ? `${image}.json` : given
  if (await isFolder(image))
    throw new InputError('--manifest: a folder has none, as it is no image file yet', {
      hint: 'seal the image file',
    })
  const pack = packed ? `${image}${PACK_SUFFIX}` : undefined
  const written: [flag: string, path: string][] = [
    ['--manifest', manifest],
    // Removed, when it is of another manifest.
    ['--manifest', `${manifest}.sig`],
    ...(pack === undefined ? [] : [['--pack', pack] as [string, string]]),
  ]
  for (const [flag, path] of written) await checkPlace(flag, path)
  await checkApart(written, [image, ...(signKey === undefined ? [] : [signKey])])
  return { manifest, pack, key: await readKey(signKey) }
}

async function checkPlace(flag: string, path: string): Promise<void> {
  if (await isFolder(path))
    throw new InputError(`${flag} ${path}: is a folder`, { hint: 'name the file to be written' })
  await access(dirname(path), constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT')
      throw new InputError(`${flag} ${path}: there is no such folder`, { hint: 'make it first', cause })
    throw new InputError(`${flag} ${path}: nothing can be written there (${cause.code})`, {
      hint: 'name a file in a folder that can be written',
      cause,
    })
  })
}

/** No file takes the place of one that is read, or of another one that is written. @throws InputError */
async function checkApart(written: [flag: string, path: string][], read: string[]): Promise<void> {
  const taken = new Map<string, string>()
  for (const path of read) for (const id of await identities(path)) taken.set(id, path)
  for (const [flag, path] of written) {
    const ids = await identities(path)
    const other = ids.map((id) => taken.get(id)).find((each) => each !== undefined)
    if (other !== undefined)
      throw new InputError(`${flag} ${path}: would be written over ${other}`, {
        hint: 'name another file; --manifest alone writes IMAGE.json',
      })
    for (const id of ids) taken.set(id, path)
  }
}

/** Its name without links in its folder, and the file that it leads to. */
async function identities(path: string): Promise<string[]> {
  const folder = await realpath(dirname(path)).catch(() => dirname(path))
  const found = await stat(path).catch(() => undefined)
  return [join(folder, basename(path)), ...(found === undefined ? [] : [`${found.dev}:${found.ino}`])]
}

async function readKey(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  const pem = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is no such file' : `cannot be read (${cause.code})`
    throw new InputError(`--sign-key ${path}: ${why}`, { cause })
  })
  try {
    signManifest(Buffer.alloc(0), pem)
  } catch (cause) {
    throw new InputError(`--sign-key ${path}: is no private Ed25519 key in PEM`, {
      hint: 'openssl genpkey -algorithm ed25519 makes one',
      cause,
    })
  }
  return pem
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}
