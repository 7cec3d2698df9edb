import { CommandError, ToolMissingError } from '../../errors.ts'
import type { Exec } from '../../system/exec.ts'
import { Refusal } from './refusal.ts'
import type { Superblock } from './superblock.ts'

/** Checkers that change nothing: e2fsck(8), xfs_repair(8), btrfs-check(8). Squashfs has none. */
const CHECKERS: Readonly<Record<Superblock['type'], readonly [string, ...string[]] | undefined>> = {
  ext2: ['e2fsck', '-f', '-n'],
  ext3: ['e2fsck', '-f', '-n'],
  ext4: ['e2fsck', '-f', '-n'],
  xfs: ['xfs_repair', '-n', '-f'],
  btrfs: ['btrfs', 'check', '--readonly'],
  squashfs: undefined,
}

/** Milliseconds. */
const LIMIT = 15 * 60_000

/** Looks over the whole structure of a filesystem. Returns the evidence. @throws Refusal when it has errors */
export async function checkFilesystem(
  file: string,
  { type }: Superblock,
  { exec, signal }: { exec: Exec; signal: AbortSignal },
): Promise<string> {
  const [tool, ...args] = CHECKERS[type] ?? []
  if (tool === undefined) return `${type} has no program that checks it`
  try {
    await exec(tool, [...args, file], { signal, timeout: LIMIT })
    return `${tool} finds no error in it`
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof ToolMissingError) return `its structure was not checked: ${tool} is not installed`
    // Ended by its limit, or by somebody: that tells nothing of the image, and nothing for it.
    if (!(error instanceof CommandError) || error.facts.exitCode === undefined) throw error
    const said = lastLine(`${error.facts.stdout}\n${error.facts.stderr}`)
    throw new Refusal(`its ${type} filesystem has errors (${tool}: ${said}): copy it again, unmounted`, {
      cause: error,
    })
  }
}

/** The line that names a fault; the last ones only count. */
function lastLine(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const fault = lines.find((line) => /error|bad|corrupt|invalid|inconsistent|wrong|damaged/i.test(line))
  return (fault ?? lines.at(-1) ?? 'it says nothing').slice(0, 200)
}
