import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { UsageError } from './errors.ts'

/** What the sources say of themselves. */
export interface SourceVersion {
  /** `git describe --tags --always --dirty`; without git, the package's version and `-nogit`. */
  describe: string
  /** Time of the commit, in seconds since 1970; undefined without one. */
  commitTime: number | undefined
}

/** Reads the version of the sources in `folder`. */
export async function sourceVersion(folder: string, packageVersion: string): Promise<SourceVersion> {
  const git = (args: string[]) => execa('git', args, { cwd: folder, reject: false })
  const [describe, time] = await Promise.all([
    git(['describe', '--tags', '--always', '--dirty']),
    git(['log', '-1', '--format=%ct']),
  ])
  const seconds = time.exitCode === 0 ? Number.parseInt(time.stdout, 10) : Number.NaN
  return {
    describe: describe.exitCode === 0 ? describe.stdout.trim() : `${packageVersion}-nogit`,
    commitTime: Number.isSafeInteger(seconds) ? seconds : undefined,
  }
}

/**
 * The version of one build, fit for a file name and a URL: a tag such as `release/1.2` becomes `release-1.2`.
 * `+b` and the build number are build metadata as in Semantic Versioning 2.0.0, item 10.
 */
export function buildVersion(describe: string, buildNumber: string): string {
  return `${describe.replaceAll(/[^0-9A-Za-z.~-]/g, '-')}+b${buildNumber}`
}

/** @throws UsageError when BUILD_NUMBER cannot be part of a version */
export function checkBuildNumber(value: string): string {
  if (/^[0-9A-Za-z.-]{1,40}$/.test(value)) return value
  throw new UsageError(`BUILD_NUMBER=${value}: letters, digits, dots and dashes only`)
}

/** The next number of the counter that is kept in `folder`; it is counted up at once. */
export async function nextBuildNumber(folder: string): Promise<string> {
  const file = join(folder, '.build-number')
  let last = 0
  try {
    last = Number.parseInt(await readFile(file, 'utf8'), 10) || 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await mkdir(folder, { recursive: true })
  await writeFile(`${file}.new`, `${last + 1}\n`)
  await rename(`${file}.new`, file)
  return String(last + 1)
}
