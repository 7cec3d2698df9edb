import { resolve } from 'node:path'
import { CommandError, ToolMissingError } from '../../errors.ts'
import type { Exec } from '../../system/exec.ts'
import { Refusal } from './refusal.ts'

/** Milliseconds for one file: GRUB's own drivers read slowly. */
const LIMIT = 5 * 60_000

/**
 * Has GRUB's own filesystem drivers read a file of the image and compare it byte for byte, through grub-fstest(1). They
 * know fewer features than the kernel, and replay no journal. Returns the evidence.
 * @param local the same file as the kernel reads it
 * @throws Refusal when GRUB reads it otherwise or not at all
 */
export async function checkReadByGrub(
  image: string,
  path: string,
  local: string,
  { exec, signal }: { exec: Exec; signal: AbortSignal },
): Promise<string> {
  try {
    await exec('grub-fstest', [resolve(image), 'cmp', path, local], { signal, timeout: LIMIT })
    return `GRUB reads ${path} byte for byte`
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof ToolMissingError)
      throw new Refusal(
        `whether GRUB can read ${path} cannot be told, as grub-fstest is not installed, and an image that GRUB cannot read does not boot: install it`,
        { facts: { unread: true }, cause: error },
      )
    if (!(error instanceof CommandError) || error.facts.exitCode === undefined) throw error
    const said = String(error.facts.stderr ?? '')
      .trim()
      .split('\n')[0]
      ?.replace(/^grub-fstest: error: /, '')
    throw new Refusal(
      `GRUB cannot read ${path} (${said}): make the filesystem with features that GRUB knows, without inline_data, casefold and ea_inode for ext4, packed with gzip or xz for squashfs`,
      { cause: error },
    )
  }
}
