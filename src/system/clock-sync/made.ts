import { stat } from 'node:fs/promises'
import type { MachineRoot } from '../machine-root.ts'

/** Written last of all when an image is built, and by a distribution's packages otherwise. */
const OS_RELEASE = '/usr/lib/os-release'

/**
 * When the running system was made, in milliseconds since 1970: it cannot be earlier than that. In an image it is the
 * time of its commit, because the image's file system has no later times; 0 when it cannot be told.
 */
export async function readTimeMade(root: MachineRoot): Promise<number> {
  return stat(root.path(OS_RELEASE)).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  )
}
