/** One entry of the log of a block device, in the order in which the device was told. */
export type LogEntry =
  /** `fua`: it is durable once it is done (REQ_FUA). */
  | { kind: 'write'; at: number; data: Buffer; fua: boolean }
  /** Reads as zeros from then on, as of the file that was recorded. */
  | { kind: 'discard'; at: number; length: number }
  /** All writes before it are durable. */
  | { kind: 'flush' }

export interface WriteLog {
  entries: LogEntry[]
  /** Where each entry ends in the log, in bytes: tells what had been logged when the log had a certain size. */
  ends: number[]
}

// struct log_write_super and log_write_entry of Linux, drivers/md/dm-log-writes.c, all little-endian; the meaning is in
// Documentation/admin-guide/device-mapper/log-writes.rst. QEMU's block/blklogwrites.c writes the same.
const MAGIC = 0x6a736677736872n
const VERSION = 1n
const FLUSH = 1
const FUA = 2
const DISCARD = 4
const MARK = 8

/**
 * Reads a log of dm-log-writes: a sector with the super block, then each entry's sector and the sectors of its data.
 * Entries behind the last flush count too, though the super block may not count them yet.
 * @throws Error when it is none, or ends within an entry
 */
export function parseWriteLog(log: Buffer): WriteLog {
  if (log.length < 28 || log.readBigUInt64LE(0) !== MAGIC) throw new Error('no log of block writes')
  if (log.readBigUInt64LE(8) !== VERSION) throw new Error('a log of another version')
  const counted = Number(log.readBigUInt64LE(16))
  const sectorBytes = log.readUInt32LE(24)
  if (sectorBytes < 512 || (sectorBytes & (sectorBytes - 1)) !== 0) throw new Error('no size of sectors')
  const entries: LogEntry[] = []
  const ends: number[] = []
  let position = sectorBytes
  while (position + sectorBytes <= log.length) {
    const [sector, sectors, flags, marked] = [0, 8, 16, 24].map((offset) =>
      Number(log.readBigUInt64LE(position + offset)),
    ) as [number, number, number, number]
    position += sectorBytes
    if ((flags & ~(FLUSH | FUA | DISCARD | MARK)) !== 0) throw new Error(`unknown flags ${flags}`)
    if ((flags & MARK) !== 0 || marked !== 0) throw new Error('a mark, which nothing here writes')
    const at = sector * sectorBytes
    const length = sectors * sectorBytes
    if ((flags & DISCARD) !== 0) entries.push({ kind: 'discard', at, length })
    else {
      // A write may carry a flush, which comes first (Documentation/block/writeback_cache_control.rst).
      if ((flags & FLUSH) !== 0) {
        entries.push({ kind: 'flush' })
        if (sectors > 0) ends.push(position)
      } else if (sectors === 0) throw new Error('a write of nothing')
      if (sectors > 0) {
        if (position + length > log.length) throw new Error('ends within a write')
        const data = log.subarray(position, position + length)
        entries.push({ kind: 'write', at, data, fua: (flags & FUA) !== 0 })
        position += length
      }
    }
    ends.push(position)
  }
  if (position !== log.length) throw new Error('ends within an entry')
  if (entries.length < counted) throw new Error(`${entries.length} entries of ${counted}`)
  return { entries, ends }
}
