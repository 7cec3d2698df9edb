import type { FileHandle } from 'node:fs/promises'
import { loadLibc } from '../../system/libc.ts'
import { writeAt } from './part-file.ts'

/** fallocate(2), include/uapi/linux/falloc.h: leaves the length and frees the blocks. */
const KEEP_SIZE = 0x01
const PUNCH_HOLE = 0x02

/** Zeros that have to be written where no hole can be made, in one piece, in bytes. */
const PIECE = 2 ** 20

/** Makes [from, to) read as zeros; a hole where the filesystem has holes. */
export type Clear = (file: FileHandle, from: number, to: number) => Promise<void>

/** Without C's functions, zeros are written. */
export async function loadClear(): Promise<Clear> {
  const punch = await loadPunch().catch(() => () => false)
  return async (file, from, to) => {
    if (punch(file.fd, from, to - from)) return
    const zeros = Buffer.alloc(Math.min(PIECE, to - from))
    for (let at = from; at < to; at += zeros.length)
      await writeAt(file, zeros.subarray(0, Math.min(zeros.length, to - at)), at, false)
  }
}

async function loadPunch(): Promise<(fd: number, from: number, length: number) => boolean> {
  const { functions } = await loadLibc()
  return (fd, from, length) =>
    functions.fallocate(fd, PUNCH_HOLE | KEEP_SIZE, BigInt(from), BigInt(length)) === 0
}
