import { setImmediate } from 'node:timers/promises'
import type { BlockFile } from '../../../src/system/disk-io/block-file.ts'

/** A disk in memory that fails where it is told to. */
export interface MemoryDisk extends BlockFile {
  /** What is written, whether the disk's cache is flushed or not. */
  readonly data: Buffer
  /** What a loss of power leaves. */
  readonly stable: Buffer
  /** Sectors that cannot be written or read. */
  readonly bad: Set<number>
  /** Sectors that fail so many times more. */
  readonly shaky: Map<number, number>
  /** Tries of single sectors, and all operations. */
  readonly tries: Map<number, number>
  operations: number
  /** The error of a bad sector. */
  code: string
  /** Why it is not there any more. */
  reason: string | undefined
  flushCode: string | undefined
  /** How often each byte's sector was read with success. */
  readonly reads: Map<number, number>
}

export function memoryDisk(sizeBytes: number, sectorBytes: number, physicalBytes = sectorBytes): MemoryDisk {
  const waiting: { source: Buffer; offset: number }[] = []
  const fail = (code: string) => Object.assign(new Error(code), { code })
  async function reach(length: number, offset: number): Promise<number[]> {
    disk.operations += 1
    // Operations end in another order than they began.
    for (let n = disk.operations % 3; n >= 0; n -= 1) await setImmediate()
    if (offset % sectorBytes !== 0 || length % sectorBytes !== 0 || length === 0) throw fail('EINVAL')
    if (disk.reason !== undefined) throw fail('EIO')
    if (offset + length > sizeBytes) throw fail('ENOSPC')
    const first = offset / sectorBytes
    const sectors = Array.from({ length: length / sectorBytes }, (_, i) => first + i)
    if (sectors.length === 1) disk.tries.set(first, (disk.tries.get(first) ?? 0) + 1)
    for (const sector of sectors) {
      const left = disk.shaky.get(sector) ?? 0
      if (left > 0) disk.shaky.set(sector, left - 1)
      if (left > 0 || disk.bad.has(sector)) throw fail(disk.code)
    }
    return sectors
  }
  const disk: MemoryDisk = {
    data: Buffer.alloc(sizeBytes, 0xaa),
    stable: Buffer.alloc(sizeBytes, 0xaa),
    bad: new Set(),
    shaky: new Map(),
    tries: new Map(),
    reads: new Map(),
    operations: 0,
    code: 'EIO',
    reason: undefined,
    flushCode: undefined,
    physicalBytes,
    async write(source, offset) {
      // What is written is what the buffer holds when it is asked for, and it must not change until then.
      const copy = Buffer.from(source)
      await reach(source.length, offset)
      if (!copy.equals(source)) throw new Error('the buffer was changed while it was being written')
      copy.copy(disk.data, offset)
      waiting.push({ source: copy, offset })
    },
    async read(target, offset) {
      for (const sector of await reach(target.length, offset)) {
        disk.reads.set(sector, (disk.reads.get(sector) ?? 0) + 1)
      }
      target.set(disk.data.subarray(offset, offset + target.length))
    },
    async flush() {
      const before = waiting.splice(0)
      await setImmediate()
      if (disk.flushCode !== undefined) throw fail(disk.flushCode)
      for (const { source, offset } of before) source.copy(disk.stable, offset)
    },
    gone: async () => disk.reason,
    close: async () => {},
  }
  return disk
}
