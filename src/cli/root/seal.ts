import { access, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { InputError, SpeedisoError } from '../../errors.ts'
import type { Outcome } from '../../exit.ts'
import { makeManifest, manifestBytes } from '../../root/manifest/manifest.ts'
import { signManifest } from '../../root/manifest/signature.ts'
import { describeSeal, describeSealPlan } from '../../root/seal/describe.ts'
import { type SealDeps, type SealResult, seal, showSeal } from '../../root/seal/seal.ts'
import { SEAL_TABLE } from '../../root/seal/table.ts'
import { writeText } from '../../system/write-file.ts'
import { text } from '../command.ts'
import { type CliContext, printJson, printLine } from '../context.ts'
import { checkOutput, type SealOutput } from './seal-checks.ts'

/**
 * Seals a root image, or prints the plan of it.
 * @throws InputError when it cannot be sealed as asked: nothing was changed
 */
export async function run(
  image: string | undefined,
  flags: Readonly<Record<string, unknown>>,
  ctx: CliContext,
): Promise<Outcome> {
  if (image === undefined || image === '') {
    const taken = text(flags.manifest)
    // A flag that may stand alone takes the word behind it.
    throw new InputError('no image is named', {
      hint: `speediso root seal hn-root-new.img${taken ? `; to write the manifest of ${taken}: speediso root seal ${taken} --manifest` : ''}`,
    })
  }
  const deps: SealDeps = {
    exec: ctx.exec,
    signal: ctx.signal,
    table: SEAL_TABLE,
    temporary: tmpdir(),
    machine: ctx.root.dir,
    log: (line) => printLine(ctx.stderr, line),
  }
  const version = readVersion(text(flags['image-version']))
  const out = await checkOutput(image, {
    manifest: text(flags.manifest),
    pack: flags.pack === true,
    signKey: text(flags['sign-key']),
  })
  if (flags.plan === true) {
    const plan = await showSeal(image, deps)
    if (flags.json === true) printJson(ctx.stdout, { image, ...plan })
    else for (const line of describeSealPlan(plan)) printLine(ctx.stdout, line)
    return null
  }
  const result = await seal(image, { version, described: out !== undefined }, deps)
  const lines = describeSeal(result)
  let written: string[] | undefined
  try {
    if (out !== undefined && result.verdict === 'passed') written = await describe(image, result, out, ctx)
  } catch (cause) {
    ctx.signal.throwIfAborted()
    for (const line of lines) printLine(ctx.stderr, line)
    throw new SpeedisoError(`${image} is sealed, but its manifest was not written`, {
      hint: 'seal it once more with --manifest; sealing what is sealed changes only its id',
      cause,
    })
  }
  if (flags.json === true) printJson(ctx.stdout, { file: image, ...result, manifest: written ?? null })
  else {
    for (const line of lines) printLine(ctx.stdout, line)
    if (out === undefined && result.verdict === 'passed' && (await isThere(`${image}.json`)))
      printLine(ctx.stderr, `warning: ${image}.json is of the image as it was: --manifest writes it anew`)
    if (written !== undefined) printLine(ctx.stdout, `manifest: ${written.join(', ')}`)
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

/** @returns the files that it wrote */
async function describe(
  file: string,
  { image, version = '', kernelRelease = '' }: SealResult,
  { manifest, pack, key }: SealOutput,
  { signal, clock }: CliContext,
): Promise<string[]> {
  const created = new Date(clock.now()).toISOString()
  const bytes = manifestBytes(
    await makeManifest(file, { image, version, kernelRelease, created }, { signal }, pack),
  )
  // One that is there is of another manifest.
  await rm(`${manifest}.sig`, { force: true })
  await writeText(manifest, bytes.toString(), 0o644)
  const written = [manifest, ...(pack === undefined ? [] : [pack])]
  if (key === undefined) return written
  await writeText(`${manifest}.sig`, signManifest(bytes, key).toString('base64'), 0o644)
  return [...written, `${manifest}.sig`]
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
