import { realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { InputError } from '../../errors.ts'
import type { Outcome } from '../../exit.ts'
import { slotFiles } from '../../root/loader/chooser.ts'
import { checkEmbedding } from '../../root/loader/embedding.ts'
import { CONFIG_DEFAULTS } from '../../root/loader/grub-cfg.ts'
import { readIfThere } from '../../root/loader/in-place.ts'
import { checkInstall, findGrubInstall, install } from '../../root/loader/install.ts'
import { hasEfiVariables, ownPlatform, readEsp } from '../../root/loader/install-facts.ts'
import { describeStep, PLATFORMS, type Platform, planInstall } from '../../root/loader/install-plan.ts'
import { parseConsoles, splitArguments, toldByGrub } from '../../root/loader/kernel-arguments.ts'
import { hostArgumentsIn } from '../../root/loader/load-functions.ts'
import { readTrialCopies } from '../../root/loader/trial-store.ts'
import { imageNames } from '../../root/names.ts'
import { readRootWords } from '../../root/observe/words.ts'
import { type CliContext, printJson, printLine } from '../context.ts'

export interface InstallLoaderFlags {
  /** Where the boot partition is mounted. */
  esp: string | undefined
  hostpartUuid: string | undefined
  /** Path of the current image on hostpart, as in real_root=. */
  realRoot: string | undefined
  disk: string | undefined
  append: string | undefined
  /** Separated by spaces. */
  console: string | undefined
  timeout: string | undefined
  /** i386-pc, x86_64-efi or both; default: as this machine was booted. */
  target: string | undefined
  rescueKernel: string | undefined
  rescueInitramfs: string | undefined
  plan: boolean
  json: boolean
}

/** Installs GRUB, its configuration and what it counts on a mounted boot partition. */
export async function run(flags: InstallLoaderFlags, ctx: CliContext): Promise<Outcome> {
  const { exec, root, signal } = ctx
  const path = required(flags.esp, '--esp DIR', 'where the boot partition is mounted')
  const uuid = required(flags.hostpartUuid, '--hostpart-uuid UUID', "the UUID of hostpart's filesystem")
  if (!/^[0-9A-Fa-f]{4,}(-[0-9A-Fa-f]{4,})*$/.test(uuid)) {
    throw new InputError(`--hostpart-uuid ${uuid}: is no UUID`, {
      hint: 'blkid -s UUID -o value DEVICE tells it',
    })
  }
  const platforms = await readTarget(flags.target, ctx)
  const config = {
    ...CONFIG_DEFAULTS,
    hostpart: { uuid, label: 'hostpart' },
    names: imageNames(flags.realRoot),
    timeout: readTimeout(flags.timeout),
    consoles: parseConsoles(flags.console ?? ''),
    append: readAppend(flags.append),
  }
  const rescue = readRescue(flags)
  const esp = await readEsp(path, platforms, root)
  const disk = flags.disk ?? esp.disk
  if (platforms.includes('i386-pc') && disk === undefined) {
    throw new InputError(`--esp ${path}: it cannot be told which disk ${esp.source} lies on`, {
      hint: 'name the disk that the BIOS boots with --disk /dev/…',
    })
  }
  if (flags.disk !== undefined) await checkDisk(flags.disk, ctx)
  if (platforms.includes('i386-pc') && disk !== undefined) await checkEmbedding(disk, { exec, signal })
  const grub = await findGrubInstall(exec, signal)
  const steps = planInstall(
    { esp: esp.dir, config, platforms, ...(rescue === undefined ? {} : { rescue }) },
    {
      copies: await readTrialCopies(esp.dir),
      ...(disk === undefined ? {} : { disk }),
      efiVariables: await hasEfiVariables(root),
      signs: grub.signs,
    },
  )
  const say = (line: string) => printLine(ctx.stderr, line)
  const before = await hostArgumentsOf(esp.dir)
  const after = hostArgumentsIn(configText(steps) ?? '')
  if (before !== undefined && before !== after && flags.append === undefined && flags.console === undefined)
    say(`warning: the kernel arguments of before go: ${before}; --console and --append set them`)
  await checkInstall(steps, { exec, signal, say })
  const lines = steps.map((step) => describeStep(step, esp.dir))
  if (flags.plan) {
    if (flags.json) printJson(ctx.stdout, { plan: lines, config: configText(steps) })
    else for (const line of lines) printLine(ctx.stdout, line)
    return null
  }
  const where = { esp: esp.dir, folder: esp.dir, program: grub.program }
  const warnings = await install(steps, where, { exec, signal, say })
  for (const warning of warnings) say(`warning: ${warning}`)
  if (flags.json) printJson(ctx.stdout, { done: lines, warnings })
  else for (const line of lines) printLine(ctx.stdout, `done: ${line}`)
  return null
}

/** @throws InputError for what is no whole disk */
async function checkDisk(disk: string, { root }: CliContext): Promise<void> {
  const device = await realpath(disk).catch(() => disk)
  const found = await stat(device).catch(() => undefined)
  if (found?.isBlockDevice() !== true)
    throw new InputError(`--disk ${disk}: is no block device`, {
      hint: 'name a whole disk, such as /dev/sda',
    })
  if ((await root.readText(`/sys/class/block/${basename(device)}/partition`)) !== undefined)
    throw new InputError(`--disk ${disk}: is a partition`, { hint: 'name the whole disk that it lies on' })
}

async function hostArgumentsOf(esp: string): Promise<string | undefined> {
  const config = await readIfThere(join(esp, slotFiles('a').config))
  return config === undefined ? undefined : hostArgumentsIn(config.toString())
}

function configText(steps: ReturnType<typeof planInstall>): string | undefined {
  for (const step of steps) if (step.do === 'config') return step.config
  return undefined
}

function required(value: string | undefined, flag: string, what: string): string {
  if (value !== undefined && value !== '') return value
  throw new InputError(`${flag}: is missing`, { hint: `it tells ${what}` })
}

async function readTarget(target: string | undefined, { root }: CliContext): Promise<readonly Platform[]> {
  if (target === undefined) return [await ownPlatform(root)]
  if (target === 'both') return PLATFORMS
  const platform = PLATFORMS.find((each) => each === target)
  if (platform !== undefined) return [platform]
  throw new InputError(`--target ${target}: is none`, { hint: `write ${PLATFORMS.join(', ')} or both` })
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return CONFIG_DEFAULTS.timeout
  if (/^\d{1,4}$/.test(text)) return Number(text)
  throw new InputError(`--timeout ${text}: is no number of seconds`, { hint: '0 to 9999; 0 shows no menu' })
}

function readAppend(text: string | undefined): string[] {
  const words = splitArguments(text ?? '')
  // What follows it is for init, and the image's own arguments may stand there.
  if (words.includes('--')) throw new InputError('--append: -- cannot stand there')
  const told = toldByGrub(words)
  if (told !== undefined)
    throw new InputError(`--append: ${told} is what GRUB says itself`, {
      hint: told.startsWith('real') ? '--real-root sets it' : 'leave it out',
    })
  const [problem] = readRootWords(words.join(' ')).problems
  if (problem !== undefined) throw new InputError(`--append: ${problem}`)
  return words
}

function readRescue({ rescueKernel: kernel, rescueInitramfs: initramfs }: InstallLoaderFlags) {
  if (kernel !== undefined && initramfs !== undefined) return { kernel, initramfs }
  if (kernel === undefined && initramfs === undefined) return undefined
  throw new InputError('a rescue system has a kernel and an initramfs', {
    hint: 'give both --rescue-kernel FILE and --rescue-initramfs FILE',
  })
}
