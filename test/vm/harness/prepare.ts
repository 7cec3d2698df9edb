import { copyFile, mkdir, open, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { HarnessDeps } from './deps.ts'
import { findUefiFirmware } from './firmware.ts'
import { fetchIpxe } from './ipxe.ts'
import { autoexecScript } from './netboot.ts'
import { type Boot, type Disk, type MachinePaths, type MachineSpec, UEFI_BOOT_FILE } from './spec.ts'

const MIB = 1024 * 1024

type PrepareDeps = Pick<HarnessDeps, 'exec' | 'cacheDir' | 'log'>

/** Makes in `dir` the files that a machine needs. */
export async function prepareMachine(
  spec: MachineSpec,
  dir: string,
  deps: PrepareDeps,
): Promise<MachinePaths> {
  const disks = await Promise.all(
    (spec.disks ?? []).map((disk, index) => image(disk, join(dir, `disk${index}.raw`))),
  )
  const uefi = spec.firmware === 'uefi' ? await prepareUefi(spec.boot, dir, deps) : {}
  return { disks, ...uefi }
}

async function prepareUefi(
  boot: Boot,
  dir: string,
  deps: PrepareDeps,
): Promise<Pick<MachinePaths, 'firmware' | 'netboot'>> {
  const { code, variables: template } = await findUefiFirmware()
  // Its own copy: boot entries of one machine must not reach the next.
  const variables = join(dir, 'uefi-variables.fd')
  await copyFile(template, variables)
  const firmware = { code, variables }
  if (boot.kind !== 'netboot') return { firmware }

  const { efi, roms } = await fetchIpxe(deps)
  const tftpRoot = join(dir, 'tftp')
  await mkdir(tftpRoot)
  await copyFile(efi, join(tftpRoot, UEFI_BOOT_FILE))
  await writeFile(join(tftpRoot, 'autoexec.ipxe'), autoexecScript(boot.scriptUrl))
  return { firmware, netboot: { tftpRoot, roms } }
}

/** The disk's own file, or a new sparse one; a file of the spec that is not there yet is made and stays. */
async function image({ file, sizeMiB }: Disk, own: string): Promise<string> {
  const path = file === undefined ? own : resolve(file)
  const handle = await open(path, 'a')
  try {
    if ((await handle.stat()).size === 0) await handle.truncate(sizeMiB * MIB)
  } finally {
    await handle.close()
  }
  return path
}
