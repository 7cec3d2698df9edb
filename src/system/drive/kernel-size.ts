import { writeFile } from 'node:fs/promises'
import { ReadError } from '../../errors.ts'
import type { MachineRoot } from '../machine-root.ts'
import { commandEvidence, runToEnd } from './command.ts'
import type { ReadDeps } from './deps.ts'

interface KernelSizeDeps extends ReadDeps {
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

/** Looks at the size, a second apart: the kernel reads a drive again in the background. */
const LOOKS = 20

/** Size of a disk in units of 512 bytes, as the kernel has it; undefined: it has no such disk, or does not say. */
export async function kernelSectors(name: string, root: MachineRoot): Promise<number | undefined> {
  const text = await root.readText(`/sys/block/${name}/size`).catch(() => undefined)
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/**
 * Makes the kernel look at the size of a disk again, and waits until it has the one that is expected or has had its time.
 * `replaced`: the native size itself has changed, as after an overlay was removed.
 * @returns what was done, for the evidence. @throws ReadError when sysfs takes no rescan
 */
export async function askKernelForSize(
  { name, path }: { name: string; path: string },
  expected: number,
  replaced: boolean,
  { root, exec, signal, sleep }: KernelSizeDeps,
): Promise<Record<string, unknown>> {
  await rescan(root, name)
  if (await comes()) return { rescan: true }
  // On an ATA port, libata answers a rescan from what it has read before. After SET FEATURES it reads the drive again
  // (libata-core.c, ata_qc_complete), and takes a size that has grown to the native one. A changed native size would make
  // it drop the drive and give it another name.
  const place = (await root.readLink(`/sys/block/${name}`)) ?? ''
  if (replaced || !/\/ata\d+\//.test(place)) return { rescan: true }
  const end = await runToEnd(exec, 'hdparm', ['-A1', path], { signal, timeout: 60_000 })
  if (!(await comes())) {
    await rescan(root, name)
    await comes()
  }
  return { rescan: true, readAgain: commandEvidence(end) }

  async function comes(): Promise<boolean> {
    for (let look = 0; look < LOOKS; look++) {
      if ((await kernelSectors(name, root)) === expected) return true
      if (signal.aborted) return false
      await sleep(1000, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error
      })
    }
    return false
  }
}

/**
 * Makes the kernel read the capacity of a disk again, which it does not do by itself after a format, and waits until it has
 * one. @returns whether it has. @throws ReadError when sysfs takes no rescan
 */
export async function awaitKernelSize(
  name: string,
  { root, signal, sleep }: Omit<KernelSizeDeps, 'exec'>,
): Promise<boolean> {
  await rescan(root, name)
  for (let look = 0; look < LOOKS && !signal.aborted; look++) {
    if (((await kernelSectors(name, root)) ?? 0) > 0) return true
    await sleep(1000, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
  return false
}

async function rescan(root: MachineRoot, name: string): Promise<void> {
  const path = `/sys/block/${name}/device/rescan`
  try {
    await writeFile(root.path(path), '1')
  } catch (cause) {
    throw new ReadError(`${path}: not taken`, { facts: { path }, cause })
  }
}
