import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { type RunPaths, runPaths } from '../runtime/paths.ts'

/** Where a command that runs a job keeps events and report. */
export interface RunFolder extends Disposable {
  paths: RunPaths
  /** It stays when the command has ended; one that nobody asked for may be given up. */
  kept: boolean
}

/**
 * The folder that was asked for, which is kept, or else one that is gone with the command or with this process,
 * whichever ends first.
 * @param resume the job that was begun there is to be gone on with
 * @param keep one that was not asked for stays too
 * @throws InputError when a job was started there before, or, to be gone on with, was not
 */
export function openRunFolder(asked: string | undefined, { resume = false, keep = false } = {}): RunFolder {
  if (asked !== undefined) {
    const paths = runPaths(asked)
    const begun = existsSync(paths.started)
    if (begun && !resume)
      throw new InputError(`${asked}: holds an earlier job`, {
        hint: existsSync(paths.report)
          ? 'name a new folder by --run-dir'
          : 'go on with it by --resume where its command has that, or name a new folder by --run-dir',
      })
    if (!begun && resume)
      throw new InputError(`${asked}: holds no job to go on with`, {
        hint: 'leave --resume out to begin one',
      })
    return { paths, kept: true, [Symbol.dispose]() {} }
  }
  const paths = runPaths(mkdtempSync(join(tmpdir(), 'speediso-')))
  const remove = () => {
    // At the end of the process another thread may still be creating a file in it.
    if (!folder.kept) rmSync(paths.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
  }
  const folder: RunFolder = {
    paths,
    kept: keep,
    [Symbol.dispose]() {
      process.off('exit', remove)
      remove()
    },
  }
  // A second interrupt ends the process before the command could clean up.
  process.once('exit', remove)
  return folder
}
