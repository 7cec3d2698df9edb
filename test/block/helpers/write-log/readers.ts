import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { copySparse } from './replay.ts'

/** What a reader finds under each name: what `label` says of the content, or that there is none. */
export type View = Readonly<Record<string, string | 'missing' | 'damaged'>>

export interface Files {
  /** Paths below the filesystem's root. */
  names: readonly string[]
  /** Which content this is; `damaged` for one that cannot be. */
  label(content: Buffer, name: string): string
}

/** Files that each hold one of these contents, whole. */
export function filesOf(names: readonly string[], contents: Readonly<Record<string, Buffer>>): Files {
  const known = Object.entries(contents)
  return { names, label: (found) => known.find(([, content]) => content.equals(found))?.[0] ?? 'damaged' }
}

const MAX_BYTES = 64 * 2 ** 20

/**
 * GRUB's own drivers, which replay no journal and no log tree (grub-core/fs/ext2.c: "needs_recovery" is ignored).
 * @throws Error when grub-fstest fails in another way than a file that is not there
 */
export async function grubView(disk: string, files: Files): Promise<View> {
  const found = files.names.map(async (name) => [name, await grubFile(disk, name, files)] as const)
  return Object.fromEntries(await Promise.all(found))
}

function grubFile(disk: string, name: string, files: Files): Promise<string> {
  return new Promise((resolve, reject) => {
    const settings = {
      encoding: 'buffer',
      maxBuffer: MAX_BYTES,
      env: { ...process.env, LC_ALL: 'C' },
    } as const
    execFile('grub-fstest', [disk, 'cat', `/${name}`], settings, (error, stdout, stderr) => {
      const said = stderr.toString()
      if (error === null) resolve(files.label(stdout, name))
      else if (typeof error.code === 'string') reject(error)
      else if (/not found/.test(said)) resolve('missing')
      else resolve('damaged')
    })
  })
}

/**
 * The kernel's driver, with replay as at a boot: on a copy, mounted for writing and unmounted. Every name is `damaged`
 * when it cannot be mounted.
 */
export async function kernelView(disk: string, mountOptions: readonly string[], files: Files): Promise<View> {
  const copy = `${disk}-replayed`
  const dir = `${disk}-mounted`
  copySparse(disk, copy)
  mkdirSync(dir, { recursive: true })
  try {
    const failed = await new Promise<boolean>((resolve) => {
      execFile('mount', ['-o', ['loop', ...mountOptions].join(), copy, dir], (error) =>
        resolve(error !== null),
      )
    })
    if (failed) return Object.fromEntries(files.names.map((name) => [name, 'damaged']))
    try {
      return Object.fromEntries(files.names.map((name) => [name, fileLabel(dir, name, files)]))
    } finally {
      execFileSync('umount', [dir])
    }
  } finally {
    rmSync(copy, { force: true })
  }
}

function fileLabel(dir: string, name: string, files: Files): string {
  try {
    return files.label(readFileSync(join(dir, name)), name)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'missing' : 'damaged'
  }
}
