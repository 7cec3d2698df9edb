import * as z from 'zod'
import { CommandError, InputError, ToolMissingError } from '../../errors.ts'
import type { Exec } from '../../system/exec.ts'

/** Type of the partition that GRUB for BIOS lies in on a GPT disk (GRUB manual, BIOS installation). */
const BIOS_BOOT = '21686148-6449-6E6F-744E-656564454649'

export const MAKE_BIOS_BOOT =
  'give the disk a BIOS boot partition of 1 MiB (sgdisk --new=0:0:+1M --typecode=0:EF02)'

const tableSchema = z.object({
  partitiontable: z.object({
    label: z.string(),
    partitions: z.array(z.object({ type: z.string() })).default([]),
  }),
})

/**
 * Looks for the room that GRUB for BIOS needs outside of all filesystems, before anything is written; what cannot be told
 * comes out of grub-install.
 * @throws InputError for a GPT disk without a BIOS boot partition
 */
export async function checkEmbedding(
  disk: string,
  { exec, signal }: { exec: Exec; signal: AbortSignal },
): Promise<void> {
  let told: string
  try {
    told = (await exec('sfdisk', ['--json', disk], { signal, timeout: 30_000 })).stdout
  } catch (error) {
    if (error instanceof CommandError || error instanceof ToolMissingError) return
    throw error
  }
  const table = tableSchema.safeParse(parsed(told)).data?.partitiontable
  if (table?.label !== 'gpt' || table.partitions.some(({ type }) => type.toUpperCase() === BIOS_BOOT)) return
  throw new InputError(`--disk ${disk}: has no partition for GRUB for BIOS`, { hint: MAKE_BIOS_BOOT })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
