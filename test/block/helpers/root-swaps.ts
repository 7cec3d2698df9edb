import { execFileSync } from 'node:child_process'
import { closeSync, fsyncSync, linkSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SettleDeps } from '../../../src/root/freeze.ts'
import { settle } from '../../../src/root/freeze.ts'
import { createStartThawGuard } from '../../../src/root/freeze-guard.ts'
import { loadFreezeIo } from '../../../src/root/freeze-ioctl.ts'
import { imageNames } from '../../../src/root/names.ts'
import type { JudgedCut } from './write-log/each-cut.ts'
import { type Files, filesOf } from './write-log/readers.ts'

export const NAMES = imageNames()

/** Small images that differ in every byte; no multiple of a block. A is current, B the new one, O the old one. */
export const IMAGES = {
  A: Buffer.alloc(1_300_123, 'A'),
  B: Buffer.alloc(1_500_321, 'B'),
  O: Buffer.alloc(1_100_211, 'O'),
} as const

export const FILES: Files = filesOf([NAMES.current, NAMES.old, NAMES.new, NAMES.passing], IMAGES)

/** A host that has been updated before, and has a new image. */
export function prepareHost(dir: string): void {
  writeFileSync(join(dir, NAMES.current), IMAGES.A)
  writeFileSync(join(dir, NAMES.old), IMAGES.O)
  writeFileSync(join(dir, NAMES.new), IMAGES.B)
}

function syncFolder(dir: string): void {
  const folder = openSync(dir, 'r')
  fsyncSync(folder)
  closeSync(folder)
}

/** Commits what was done, as the kernel does by itself every few seconds, at any moment. */
const commit = (dir: string) => execFileSync('sync', ['--file-system', dir])

/** Two moves, as first published; the kernel's commit falls between them. */
export function moveAwayMoveIn(dir: string): void {
  renameSync(join(dir, NAMES.current), join(dir, NAMES.old))
  commit(dir)
  renameSync(join(dir, NAMES.new), join(dir, NAMES.current))
  commit(dir)
}

/** What the swap may leave out, to see that it is missed. */
export interface SwapOptions {
  settle: boolean
  /** The replaced file is kept open until all is settled. */
  hold: boolean
}

/**
 * The order of a swap, each step durable before the next. The replaced old image is held open: freed at once, its inode
 * could be on the disk, emptied, before the folder that still names it, and GRUB would find an old image of nothing.
 */
export async function swap(dir: string, deps: SettleDeps, options: SwapOptions): Promise<void> {
  const at = (name: string) => join(dir, name)
  const held = options.hold ? openSync(at(NAMES.old), 'r') : undefined
  linkSync(at(NAMES.current), at(NAMES.passing))
  syncFolder(dir)
  renameSync(at(NAMES.passing), at(NAMES.old))
  syncFolder(dir)
  renameSync(at(NAMES.new), at(NAMES.current))
  syncFolder(dir)
  if (options.settle) {
    const settled = await settle(dir, deps)
    if (settled.how !== 'frozen') throw new Error(settled.reason)
  }
  if (held !== undefined) closeSync(held)
}

/** What settle needs, with the guard as a program of its own. */
export async function settleDeps(): Promise<SettleDeps> {
  const program = [process.execPath, '--no-warnings', join(import.meta.dirname, 'thaw-guard.ts')]
  return {
    io: await loadFreezeIo(),
    startGuard: createStartThawGuard(program),
    signal: new AbortController().signal,
  }
}

/** What is wrong with a state that a power cut leaves; empty when either reader boots from it what it may. */
export function wrongs(judged: JudgedCut): string[] {
  return (['grub', 'kernel'] as const).flatMap((reader) => {
    const view = judged[reader]
    const current = view[NAMES.current] ?? 'missing'
    const old = view[NAMES.old] ?? 'missing'
    const found: string[] = []
    if (!['A', 'B'].includes(current)) found.push(`${reader}: current is ${current}`)
    if (!['O', 'A'].includes(old)) found.push(`${reader}: old is ${old}`)
    if (!Object.values(view).includes('A')) found.push(`${reader}: A is lost`)
    if (judged.after('acted') && (current !== 'B' || old !== 'A')) {
      found.push(`${reader}: swapped, but current is ${current} and old is ${old}`)
    }
    return found
  })
}
