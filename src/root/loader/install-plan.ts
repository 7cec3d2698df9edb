import { renderChooser } from './chooser.ts'
import { GRUB_MODULES, type GrubConfig, renderGrubConfig } from './grub-cfg.ts'
import type { RescueFiles } from './rescue-store.ts'
import { chooseTrialEnv, type TrialCopies, type TrialEnv } from './trial-env.ts'

export const PLATFORMS = ['i386-pc', 'x86_64-efi'] as const
export type Platform = (typeof PLATFORMS)[number]

export interface InstallOptions {
  /** Where the boot partition is mounted. */
  esp: string
  config: GrubConfig
  platforms: readonly Platform[]
  rescue?: RescueFiles
}

/** What the plan depends on. */
export interface InstallFacts {
  copies: TrialCopies
  /** The disk that gets GRUB for BIOS. */
  disk?: string
  /** Boot entries of the firmware can be written. */
  efiVariables: boolean
  /** This grub-install would install a signed GRUB, which has not the modules that the configuration needs. */
  signs: boolean
}

export type InstallStep =
  /** Writes these copies of what GRUB counts. */
  | { do: 'copies'; env: TrialEnv; indexes: readonly number[] }
  | { do: 'rescue'; files: RescueFiles }
  | { do: 'config'; config: string; chooser: string }
  /** Runs grub-install. `optional`: the machine boots also without it. */
  | { do: 'grub'; what: string; args: readonly string[]; optional: boolean }

/**
 * What install-loader does, in this order: whatever a new GRUB will read lies there whole before that GRUB is installed.
 * A copy that counts is left as it is, so that a running trial goes on.
 */
export function planInstall(options: InstallOptions, facts: InstallFacts): InstallStep[] {
  const { config, platforms, rescue } = options
  const missing = [0, 1].filter((index) => facts.copies[index] === undefined)
  const copies: InstallStep[] =
    missing.length === 0
      ? []
      : [{ do: 'copies', env: chooseTrialEnv(facts.copies) ?? { seq: 1 }, indexes: missing }]
  return [
    ...copies,
    ...(rescue === undefined ? [] : [{ do: 'rescue', files: rescue } as const]),
    { do: 'config', config: renderGrubConfig(config), chooser: renderChooser(config.folder) },
    ...platforms.flatMap((platform) => grubSteps(platform, options, facts)),
  ]
}

function grubSteps(platform: Platform, { esp, config }: InstallOptions, facts: InstallFacts): InstallStep[] {
  const common = [
    `--target=${platform}`,
    `--boot-directory=${esp}${config.folder}`,
    // All in one file: a folder of modules that a power cut has left half replaced does not matter.
    `--modules=${GRUB_MODULES.join(' ')}`,
  ]
  if (platform === 'i386-pc') {
    return [
      {
        do: 'grub',
        what: `GRUB for BIOS on ${facts.disk}`,
        args: [...common, facts.disk ?? ''],
        optional: false,
      },
    ]
  }
  const efi = [...common, `--efi-directory=${esp}`, ...(facts.signs ? ['--no-uefi-secure-boot'] : [])]
  const removable: InstallStep = {
    do: 'grub',
    what: 'GRUB for UEFI in /EFI/BOOT, where any firmware looks for it',
    args: [...efi, '--removable', '--no-nvram'],
    optional: false,
  }
  if (!facts.efiVariables) return [removable]
  // A second one in a folder of its own, which the firmware's entry names: one of them is whole at any time.
  const entry: InstallStep = {
    do: 'grub',
    what: 'GRUB for UEFI in /EFI/speediso, and an entry of the firmware for it',
    args: [...efi, '--bootloader-id=speediso'],
    optional: true,
  }
  return [removable, entry]
}

/** A step in one line, for people. */
export function describeStep(step: InstallStep, esp: string): string {
  switch (step.do) {
    case 'copies': {
      const files = step.indexes.map((index) => `speediso-${index + 1}.env`).join(' and ')
      const trial = step.env.trial
      const holds =
        trial === undefined ? 'nothing on trial' : `${trial.image} on trial, ${trial.tries} boots left`
      return `write ${files} in ${esp}/grub (${holds})`
    }
    case 'rescue':
      return `copy the rescue system ${step.files.kernel}, ${step.files.initramfs} into ${esp}/rescue`
    case 'config':
      return `write grub.cfg, speediso-a.cfg and speediso-b.cfg in ${esp}/grub`
    case 'grub':
      return `install ${step.what}`
  }
}
