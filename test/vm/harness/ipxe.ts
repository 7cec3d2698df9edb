import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { HarnessDeps } from './deps.ts'

export interface Ipxe {
  /** iPXE as an EFI program that uses the firmware's driver of the network card it was booted from. */
  efi: string
  /** Folder of boot firmware for network cards, `efi-<model>.rom`. */
  roms: string
}

/** The same version on every machine, whatever its own release has; before 2021 there was no autoexec.ipxe. */
const SUITE = 'trixie'
const EFI = 'usr/lib/ipxe/snponly.efi'
const ROMS = 'usr/share/qemu'
const MINUTE = 60_000

/** Debian's iPXE for UEFI, fetched once into the cache. */
export async function fetchIpxe({
  exec,
  cacheDir,
  log,
}: Pick<HarnessDeps, 'exec' | 'cacheDir' | 'log'>): Promise<Ipxe> {
  const home = join(cacheDir, `ipxe-${SUITE}`)
  const ipxe = { efi: join(home, EFI), roms: join(home, ROMS) }
  if (await exists(ipxe.efi)) return ipxe
  log(`fetching iPXE of Debian ${SUITE}`)
  await mkdir(cacheDir, { recursive: true })
  const dir = await mkdtemp(join(cacheDir, 'ipxe-part-'))
  try {
    const tar = join(dir, 'packages.tar')
    const tree = join(dir, 'tree')
    const packages = '--include=ipxe,ipxe-qemu'
    await exec('mmdebstrap', ['--quiet', '--variant=extract', packages, SUITE, tar], { timeout: 5 * MINUTE })
    await mkdir(tree)
    const wanted = [`./${EFI}`, `./${ROMS}`]
    await exec('tar', ['--extract', '--no-same-owner', `--file=${tar}`, `--directory=${tree}`, ...wanted])
    await access(join(tree, EFI))
    // Renamed when whole; where another process was faster, its tree is as good.
    await rename(tree, home).catch(async (error: unknown) => {
      if (!(await exists(ipxe.efi))) throw error
    })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
  return ipxe
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
