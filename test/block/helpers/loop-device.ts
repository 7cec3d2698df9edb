import { execFileSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface LoopDevice extends Disposable {
  path: string
  /** The file behind it. */
  file: string
  sizeBytes: number
  sectorBytes: number
  /** Makes it as large as its file is now. */
  resize(): void
}

export interface LoopOptions {
  dir: string
  sizeBytes: number
  sectorBytes?: number
  /** The loop driver goes past the cache too. */
  direct?: boolean
  readOnly?: boolean
  /** What it holds; without one it is sparse. */
  fill?: number
}

/**
 * A block device over a file, gone with the scope or with this process, however that ends: it is detached at once, which
 * the kernel does when the last one closes it, and that is this process.
 */
export function loopDevice(options: LoopOptions): LoopDevice {
  const { dir, sizeBytes, sectorBytes = 512, direct = false, readOnly = false, fill } = options
  const file = join(dir, `disk-${Math.random().toString(36).slice(2)}`)
  const backing = openSync(file, 'wx')
  ftruncateSync(backing, sizeBytes)
  if (fill !== undefined) {
    const block = Buffer.alloc(2 ** 20, fill)
    for (let at = 0; at < sizeBytes; at += block.length) {
      writeSync(backing, block, 0, Math.min(block.length, sizeBytes - at), at)
    }
  }
  closeSync(backing)
  const flags = [
    `--direct-io=${direct ? 'on' : 'off'}`,
    `--sector-size=${sectorBytes}`,
    ...(readOnly ? ['--read-only'] : []),
  ]
  const path = execFileSync('losetup', ['--find', '--show', ...flags, file], { encoding: 'utf8' }).trim()
  let held: number | undefined
  try {
    held = openSync(path, 'r')
  } finally {
    execFileSync('losetup', ['--detach', path])
  }
  return {
    path,
    file,
    sizeBytes,
    sectorBytes,
    resize: () => execFileSync('losetup', ['--set-capacity', path]),
    [Symbol.dispose]() {
      if (held !== undefined) closeSync(held)
      rmSync(file, { force: true })
    },
  }
}

/** A folder on a filesystem in memory, for as long as the scope lasts. */
export function memoryFolder(size = '2g'): { dir: string } & Disposable {
  const parent = mkdtempSync(join(tmpdir(), 'speediso-test-'))
  const dir = join(parent, 'memory')
  mkdirSync(dir)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', dir])
  return {
    dir,
    [Symbol.dispose]() {
      execFileSync('umount', ['--lazy', dir])
      rmSync(parent, { recursive: true })
    },
  }
}
