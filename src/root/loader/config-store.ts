import { copyFile, mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CHOOSER_BYTES, CHOOSER_FILE, renderSum, SLOTS, type Slot, slotFiles } from './chooser.ts'
import { readIfThere, syncFolder, writeAnew, writeInPlace } from './in-place.ts'

/** Where a grub.cfg of somebody else is kept. */
export const FOREIGN_CONFIG = 'grub/grub.cfg.before-speediso'

/** Whether GRUB would take this configuration. */
export async function isWhole(esp: string, slot: Slot): Promise<boolean> {
  const [text, sum] = await readSlot(esp, slot)
  return text !== undefined && sum === renderSum(text, slot)
}

/** One that cannot be read is as good as none, and is written anew. */
async function readSlot(
  esp: string,
  slot: Slot,
): Promise<readonly [config: string | undefined, sum: string | undefined]> {
  const { config, sum } = slotFiles(slot)
  const read = (path: string) => readIfThere(join(esp, path)).catch(() => undefined)
  return [(await read(config))?.toString(), (await read(sum))?.toString()]
}

/** One change that is on the disk before the next one begins. */
export interface ConfigStep {
  /** Below the boot partition. */
  path: string
  /** Undefined: it is removed. */
  text: string | undefined
}

/**
 * The steps that bring this configuration into both slots. The slot that GRUB takes now is replaced last, so that after
 * a power cut at any of them one is whole, the old one or the new one; what is there already is left alone.
 */
export async function planConfigs(esp: string, config: string): Promise<ConfigStep[]> {
  const there = await Promise.all(SLOTS.map((slot) => readSlot(esp, slot)))
  const whole = there.map(
    ([text, sum], index) => text !== undefined && sum === renderSum(text, SLOTS[index] ?? 'a'),
  )
  const taken = SLOTS.find((_, index) => whole[index])
  const order =
    taken === undefined ? [...SLOTS].reverse() : [...SLOTS.filter((slot) => slot !== taken), taken]
  return order.flatMap((slot) => {
    const index = SLOTS.indexOf(slot)
    if (whole[index] && there[index]?.[0] === config) return []
    const files = slotFiles(slot)
    return [
      // Without its sum GRUB does not take it, whatever is there of it.
      { path: files.sum, text: undefined },
      { path: files.config, text: config },
      { path: files.sum, text: renderSum(config, slot) },
    ]
  })
}

/** Does one step. */
export async function doConfigStep(esp: string, { path, text }: ConfigStep): Promise<void> {
  const file = join(esp, path)
  if (text !== undefined) return writeInPlace(file, Buffer.from(text))
  await rm(file, { force: true })
  await syncFolder(dirname(file))
}

/** Writes the configuration into both slots. */
export async function writeConfigs(esp: string, config: string): Promise<void> {
  await mkdir(join(esp, 'grub'), { recursive: true })
  await syncFolder(esp)
  for (const step of await planConfigs(esp, config)) await doConfigStep(esp, step)
}

/** Writes grub.cfg: one that is there already is changed by the write of one sector. */
export async function writeChooser(esp: string, chooser: string): Promise<void> {
  const path = join(esp, CHOOSER_FILE)
  const there = await readIfThere(path)
  if (there?.toString() === chooser) return
  if (there?.length === CHOOSER_BYTES) return writeInPlace(path, Buffer.from(chooser))
  if (there !== undefined) await copyFile(path, join(esp, FOREIGN_CONFIG))
  await writeAnew(path, Buffer.from(chooser))
}
