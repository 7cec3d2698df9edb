import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandError, SpeedisoError, ToolMissingError } from '../../errors.ts'
import type { Exec } from '../../system/exec.ts'
import { SLOTS } from './chooser.ts'
import { FOREIGN_CONFIG, isWhole, writeChooser, writeConfigs } from './config-store.ts'
import { MAKE_BIOS_BOOT } from './embedding.ts'
import { readIfThere, syncFolder } from './in-place.ts'
import type { InstallStep } from './install-plan.ts'
import { checkRescue, writeRescue } from './rescue-store.ts'
import { readTrial, writeCopies } from './trial-store.ts'

export interface InstallDeps {
  exec: Exec
  signal: AbortSignal
  /** For people, a line each. */
  say: (line: string) => void
}

/** Milliseconds: grub-install asks all disks, and one of them may be slow. */
const GRUB_LIMIT = 5 * 60_000

/** Names of grub-install: Debian, Gentoo and Arch; Fedora and SUSE. */
const GRUB_INSTALL = ['grub-install', 'grub2-install'] as const
const GRUB_SCRIPT_CHECK = ['grub-script-check', 'grub2-script-check'] as const

/** @throws ToolMissingError */
export async function findGrubInstall(
  exec: Exec,
  signal: AbortSignal,
): Promise<{ program: string; signs: boolean }> {
  const found = await firstInstalled(GRUB_INSTALL, (program) =>
    exec(program, ['--help'], { signal, timeout: 30_000 }),
  )
  if (found === undefined) {
    throw new ToolMissingError('grub-install: not installed', {
      hint: 'Debian: apt-get install grub2-common grub-pc-bin grub-efi-amd64-bin',
    })
  }
  return { program: found.program, signs: found.result.stdout.includes('--no-uefi-secure-boot') }
}

/**
 * Checks everything that can be checked before a byte is written.
 * @throws InputError for a rescue system that is none, SpeedisoError for a configuration that GRUB could not read
 */
export async function checkInstall(
  steps: readonly InstallStep[],
  { exec, signal, say }: InstallDeps,
): Promise<void> {
  for (const step of steps) {
    if (step.do === 'rescue') await checkRescue(step.files)
    if (step.do === 'config') {
      for (const text of [step.config, step.chooser]) {
        if (await checkScript(text, exec, signal)) continue
        say('warning: there is no grub-script-check, so that the configuration was not checked')
        break
      }
    }
  }
}

/** @returns whether there is a program that checks */
async function checkScript(text: string, exec: Exec, signal: AbortSignal): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), 'speediso-grub-'))
  try {
    const file = join(dir, 'grub.cfg')
    await writeFile(file, text)
    const found = await firstInstalled(GRUB_SCRIPT_CHECK, (program) =>
      exec(program, [file], { signal, timeout: 30_000 }),
    )
    return found !== undefined
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause
    throw new SpeedisoError('the configuration is none that GRUB can read; nothing was written', { cause })
  } finally {
    await rm(dir, { recursive: true })
  }
}

async function firstInstalled<T>(
  programs: readonly string[],
  run: (program: string) => Promise<T>,
): Promise<{ program: string; result: T } | undefined> {
  for (const program of programs) {
    try {
      return { program, result: await run(program) }
    } catch (error) {
      if (!(error instanceof ToolMissingError)) throw error
    }
  }
  return undefined
}

/**
 * Does the steps, and proves what GRUB will read.
 * @param folder `esp` and the configuration's own folder
 * @returns what could not be done and is not needed, a line each
 */
export async function install(
  steps: readonly InstallStep[],
  { esp, folder, program }: { esp: string; folder: string; program: string },
  { exec, signal, say }: InstallDeps,
): Promise<string[]> {
  const warnings: string[] = []
  await mkdir(join(folder, 'grub'), { recursive: true })
  await syncFolder(folder)
  for (const step of steps) {
    signal.throwIfAborted()
    switch (step.do) {
      case 'copies':
        await writeCopies(folder, step.env, step.indexes)
        break
      case 'rescue':
        await writeRescue(folder, step.files)
        break
      case 'config':
        await writeConfigs(folder, step.config)
        await writeChooser(folder, step.chooser)
        break
      case 'grub': {
        say(`installing ${step.what}`)
        const warning = await runGrubInstall(program, step, { exec, signal }).catch(
          async (error: unknown) => {
            const foreign = await readIfThere(join(folder, FOREIGN_CONFIG)).catch(() => undefined)
            if (foreign !== undefined)
              say(
                `warning: ${folder}/grub/grub.cfg is speediso's by now; the one of before is ${FOREIGN_CONFIG}`,
              )
            throw error
          },
        )
        if (warning !== undefined) warnings.push(warning)
        // grub-install leaves its files to the kernel.
        await exec('sync', ['--file-system', esp], { signal, timeout: GRUB_LIMIT })
        break
      }
    }
  }
  const whole = await Promise.all(SLOTS.map((slot) => isWhole(folder, slot)))
  if (whole.includes(false) || (await readTrial(folder)) === undefined) {
    throw new SpeedisoError(`${folder}/grub does not hold what was written`, {
      hint: 'check the filesystem: fsck.vfat',
    })
  }
  return warnings
}

async function runGrubInstall(
  program: string,
  step: Extract<InstallStep, { do: 'grub' }>,
  { exec, signal }: Pick<InstallDeps, 'exec' | 'signal'>,
): Promise<string | undefined> {
  try {
    await exec(program, step.args, { signal, timeout: GRUB_LIMIT })
    return undefined
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause
    signal.throwIfAborted()
    if (step.optional) return `not done: ${step.what} (${cause.message})`
    throw cause.message.includes('blocklists')
      ? new SpeedisoError(`${step.what}: there is no room for it`, {
          hint: MAKE_BIOS_BOOT,
          cause,
        })
      : cause
  }
}
