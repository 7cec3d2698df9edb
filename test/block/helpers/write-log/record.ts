import { execFileSync } from 'node:child_process'
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { type LogEntry, parseWriteLog } from './format.ts'
import { startRecorder } from './recorder.ts'
import { copySparse, replayAll } from './replay.ts'

/** A filesystem to hold root images, as small as its tools make it. */
export interface Filesystem {
  type: 'ext4' | 'xfs' | 'btrfs'
  sizeBytes: number
  mkfs: readonly string[]
  mountOptions: readonly string[]
}

const MIB = 2 ** 20

export const EXT4: Filesystem = {
  type: 'ext4',
  sizeBytes: 48 * MIB,
  // As a filesystem of the usual size is made: only with less than 512 MiB mke2fs.conf(5) takes smaller blocks.
  mkfs: ['mkfs.ext4', '-q', '-F', '-T', 'default'],
  mountOptions: ['noatime'],
}

export const XFS: Filesystem = {
  type: 'xfs',
  sizeBytes: 300 * MIB,
  mkfs: ['mkfs.xfs', '-q', '-f'],
  mountOptions: ['noatime', 'nouuid'],
}

export const BTRFS: Filesystem = {
  type: 'btrfs',
  sizeBytes: 128 * MIB,
  mkfs: ['mkfs.btrfs', '-q', '-f'],
  mountOptions: ['noatime'],
}

export interface Recording extends Disposable {
  /** Since it was mounted. */
  entries: LogEntry[]
  filesystem: Filesystem
  /** The disk just mounted. */
  base: string
  /** For whatever is made of it. */
  dir: string
  /** Entries logged when a mark was set; `acted` is set when `act` has returned. */
  marks: Readonly<Record<string, number>>
}

export interface RecordOptions {
  filesystem: Filesystem
  /** An empty folder is made in it, for all files. */
  dir: string
  /** Puts files on the new filesystem; unmounted cleanly afterwards, and not recorded. */
  prepare(dir: string): void | Promise<void>
  /** What is recorded, with its unmount; `mark` names a moment. */
  act(dir: string, mark: (name: string) => void): void | Promise<void>
}

/** Records each write and flush of `act` on a new filesystem. Everything that it mounts and starts is gone at the end. */
export async function recordWrites(options: RecordOptions): Promise<Recording> {
  const { filesystem } = options
  const dir = mkdtempSync(join(options.dir, `${filesystem.type}-`))
  const remove = () => rmSync(dir, { recursive: true, force: true })
  try {
    const base = join(dir, 'base')
    const file = openSync(base, 'wx')
    ftruncateSync(file, filesystem.sizeBytes)
    closeSync(file)
    const [mkfs = '', ...args] = filesystem.mkfs
    execFileSync(mkfs, [...args, base], { stdio: ['ignore', 'ignore', 'pipe'] })
    await withMounted(base, join(dir, 'prepared'), filesystem.mountOptions, options.prepare)
    const disk = join(dir, 'disk')
    copySparse(base, disk)
    const sizes: Record<string, number> = {}
    await using recorder = await startRecorder(disk, dir, filesystem.mountOptions)
    const mark = (name: string) => {
      sizes[name] = recorder.logged()
    }
    mark('mounted')
    await options.act(recorder.dir, mark)
    mark('acted')
    await recorder.stop()
    const log = parseWriteLog(readFileSync(recorder.log))
    proveWhole(log.entries, base, disk)
    const marks = Object.fromEntries(
      Object.entries(sizes).map(([name, size]) => [name, log.ends.filter((end) => end <= size).length]),
    )
    const mounted = marks.mounted ?? 0
    // The mount's own writes are long on the disk when anything is swapped.
    replayAll(log.entries.slice(0, mounted), base, disk)
    renameSync(disk, base)
    const later = Object.entries(marks).map(([name, entry]) => [name, entry - mounted])
    return {
      entries: log.entries.slice(mounted),
      filesystem,
      base,
      dir,
      marks: Object.fromEntries(later),
      [Symbol.dispose]: remove,
    }
  } catch (error) {
    remove()
    throw error
  }
}

/** The log is whole: all of it on top of the base is what the disk has become. @throws Error */
function proveWhole(entries: readonly LogEntry[], base: string, disk: string): void {
  const proof = `${disk}-proof`
  replayAll(entries, base, proof)
  execFileSync('cmp', [proof, disk])
  rmSync(proof)
}

/** Does something with the filesystem in a file while it is mounted. */
export async function withMounted<T>(
  file: string,
  at: string,
  mountOptions: readonly string[],
  work: (dir: string) => T | Promise<T>,
): Promise<T> {
  mkdirSync(at, { recursive: true })
  execFileSync('mount', ['-o', ['loop', ...mountOptions].join(), file, at])
  try {
    return await work(at)
  } finally {
    execFileSync('umount', [at])
  }
}
