import { accessSync, constants } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { ToolMissingError } from '../../../src/errors.ts'
import { createExec, type Exec } from '../../../src/system/exec.ts'

/** What the harness needs of the world. */
export interface HarnessDeps {
  exec: Exec
  /** Told what happens, for people. */
  log: (message: string) => void
  /** Ends every machine and every wait. */
  signal?: AbortSignal
  /** Folders in which programs are looked for, as in PATH. */
  path: string
  /** Kept between runs: iPXE, the choice of acceleration, logs of machines that failed. */
  cacheDir: string
  /** Holds the folders of running machines. */
  temporaryDir: string
}

/** The real world. */
export function harnessDeps({ signal, log }: Partial<Pick<HarnessDeps, 'signal' | 'log'>> = {}): HarnessDeps {
  const abort = signal === undefined ? {} : { signal }
  return {
    exec: createExec(abort),
    log: log ?? (() => {}),
    ...abort,
    path: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin',
    cacheDir: join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'speediso'),
    temporaryDir: tmpdir(),
  }
}

/**
 * Absolute path of a program.
 * @throws ToolMissingError that names the Debian package
 */
export function findProgram(name: string, debianPackage: string, path: string): string {
  for (const dir of path.split(delimiter)) {
    const file = join(dir, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // The next folder may have it.
    }
  }
  throw new ToolMissingError(`${name}: not installed`, {
    hint: `apt-get install ${debianPackage}`,
    facts: { path },
  })
}
