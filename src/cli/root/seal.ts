import { access, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { InputError } from '../../errors.ts'
import type { Outcome } from '../../exit.ts'
import { makeManifest, manifestBytes } from '../../root/manifest/manifest.ts'
import { PACK_SUFFIX } from '../../root/manifest/pack.ts'
import { signManifest } from '../../root/manifest/signature.ts'
import { describeSeal, describeSealPlan } from '../../root/seal/describe.ts'
import { type SealDeps, type SealResult, seal, showSeal } from '../../root/seal/seal.ts'
import { SEAL_TABLE } from '../../root/seal/table.ts'
import { writeText } from '../../system/write-file.ts'
import { text } from '../command.ts'
import { type CliContext, printJson, printLine } from '../context.ts'

/**
 * Seals a root image, or prints the plan of it.
 * @throws InputError when it cannot be sealed as asked: nothing was changed
 */
export async function run(
  image: string | undefined,
  flags: Readonly<Record<string, unknown>>,
  ctx: CliContext,
): Promise<Outcome> {
  if (image === undefined)
    throw new InputError('no image is named', { hint: 'speediso root seal hn-root-new.img' })
  const deps: SealDeps = {
    exec: ctx.exec,
    signal: ctx.signal,
    table: SEAL_TABLE,
    temporary: tmpdir(),
    machine: ctx.root.dir,
    log: (line) => printLine(ctx.stderr, line),
  }
  const version = readVersion(text(flags['image-version']))
  const out = await manifestPath(image, text(flags.manifest))
  const pack = packPath(image, flags.pack === true, out)
  const key = await signKey(text(flags['sign-key']), out)
  if (flags.plan === true) {
    const plan = await showSeal(image, deps)
    if (flags.json === true) printJson(ctx.stdout, { image, ...plan })
    else for (const line of describeSealPlan(plan)) printLine(ctx.stdout, line)
    return null
  }
  const result = await seal(image, { version, described: out !== undefined }, deps)
  const manifest =
    out === undefined || result.verdict !== 'passed'
      ? undefined
      : await describe(image, result, { out, pack, key }, ctx)
  if (flags.json === true) printJson(ctx.stdout, { file: image, ...result, manifest: manifest ?? null })
  else {
    for (const line of describeSeal(result)) printLine(ctx.stdout, line)
    if (out === undefined && result.verdict === 'passed' && (await isThere(`${image}.json`)))
      printLine(ctx.stderr, `warning: ${image}.json is of the image as it was: --manifest writes it anew`)
    if (manifest !== undefined) printLine(ctx.stdout, `manifest: ${manifest.join(', ')}`)
  }
  return result.verdict
}

/** It stands in file names, reports and GRUB's environment block. */
function readVersion(version: string | undefined): string | undefined {
  if (version === undefined || /^[\w.+~^:-]{1,200}$/.test(version)) return version
  throw new InputError(`--image-version ${version}: is no version`, {
    hint: 'letters, digits and . _ + ~ ^ : - without spaces, at most 200',
  })
}

/** What would fail at the end is told before anything is changed. */
async function manifestPath(image: string, given: string | undefined): Promise<string | undefined> {
  if (given === undefined) return undefined
  const path = given === '' ? `${image}.json` : given
  await access(dirname(path)).catch(() => {
    throw new InputError(`--manifest ${path}: there is no such folder`)
  })
  for (const each of [path, `${path}.sig`])
    if (await isFolder(each))
      throw new InputError(`--manifest ${each}: is a folder`, { hint: 'name the file to be written' })
  if (await isFolder(image))
    throw new InputError('--manifest: a folder has none, as it is no image file yet', {
      hint: 'seal the image file',
    })
  return path
}

function packPath(image: string, wanted: boolean, manifest: string | undefined): string | undefined {
  if (!wanted) return undefined
  if (manifest !== undefined) return `${image}${PACK_SUFFIX}`
  throw new InputError('--pack: there is no manifest to tell what is in it', { hint: 'add --manifest' })
}

async function signKey(path: string | undefined, manifest: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  if (manifest === undefined)
    throw new InputError('--sign-key: there is no manifest to sign', { hint: 'add --manifest' })
  const pem = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`--sign-key ${path}: cannot be read (${error.code})`)
  })
  try {
    signManifest(Buffer.alloc(0), pem)
  } catch (cause) {
    throw new InputError(`--sign-key ${path}: cannot sign`, { cause })
  }
  return pem
}

/** @returns the files that it wrote */
async function describe(
  file: string,
  { image, version = '', kernelRelease = '' }: SealResult,
  { out, pack, key }: { out: string; pack: string | undefined; key: string | undefined },
  { signal, clock }: CliContext,
): Promise<string[]> {
  const created = new Date(clock.now()).toISOString()
  const bytes = manifestBytes(
    await makeManifest(file, { image, version, kernelRelease, created }, { signal }, pack),
  )
  // One that is there is of another manifest.
  await rm(`${out}.sig`, { force: true })
  await writeText(out, bytes.toString(), 0o644)
  const written = [out, ...(pack === undefined ? [] : [pack])]
  if (key === undefined) return written
  await writeText(`${out}.sig`, signManifest(bytes, key).toString('base64'), 0o644)
  return [...written, `${out}.sig`]
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function isFolder(path: string): Promise<boolean> {
  return isThere(`${path}/.`)
}
