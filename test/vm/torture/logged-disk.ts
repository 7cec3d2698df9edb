import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Exec } from '../../../src/system/exec.ts'
import { type Piece, piecesOf } from '../../block/helpers/write-log/cuts.ts'
import { type LogEntry, parseWriteLog } from '../../block/helpers/write-log/format.ts'

/** A disk that a machine runs from while every write and flush of it is logged; the disk itself stays as it was. */
export interface LoggedDisk {
  /** For QEMU, in place of a disk. */
  arguments: string[]
  /** Bytes logged up to now. */
  logged(): number
  /**
   * Brings onto the disk what a power cut leaves at a random instant after `since` (a value of `logged`): all that was
   * flushed by then, and of the rest a random part. The machine must have ended.
   */
  cut(since: number, random: () => number): CutMade
  /** Brings all of it onto the disk, as after a clean power-off. */
  keep(): void
}

export interface CutMade {
  /** Entries of the log since then, and the one that the power went at. */
  entries: number
  at: number
  /** Writes that were not flushed: that reached the disk, and that were lost. */
  kept: number
  lost: number
  /** The power went after everything that was logged. */
  last: boolean
}

/** Bytes that a disk writes whole. */
const ATOM = 4096

/** @param dir for the log and for what the machine writes */
export async function logDisk(base: string, dir: string, exec: Exec): Promise<LoggedDisk> {
  const [overlay, log] = [join(dir, 'overlay'), join(dir, 'log')]
  for (const file of [overlay, log]) rmSync(file, { force: true })
  await exec('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', base, overlay])
  writeFileSync(log, '')
  const finish = (apply: (entries: readonly LogEntry[], ends: readonly number[]) => readonly Piece[]) => {
    const { entries, ends } = parseWriteLog(readFileSync(log))
    const disk = openSync(base, 'r+')
    for (const { at, data } of apply(entries, ends)) writeSync(disk, data, 0, data.length, at)
    closeSync(disk)
    for (const file of [overlay, log]) rmSync(file, { force: true })
  }
  return {
    arguments: [
      ...['-blockdev', `driver=file,node-name=base-file,filename=${base},read-only=on`],
      ...['-blockdev', 'driver=raw,node-name=base,file=base-file,read-only=on'],
      ...['-blockdev', `driver=file,node-name=overlay-file,filename=${overlay}`],
      ...['-blockdev', 'driver=qcow2,node-name=overlay,file=overlay-file,backing=base'],
      ...['-blockdev', `driver=file,node-name=log,filename=${log}`],
      ...['-blockdev', 'driver=blklogwrites,node-name=logged,file=overlay,log=log'],
      // blklogwrites reserves the place of zeros only once their header is written, and others come between.
      ...['-device', 'virtio-blk-pci,drive=logged,bootindex=0,serial=HOST,write-zeroes=off'],
    ],
    logged: () => statSync(log).size,
    keep: () => finish((entries) => piecesOf(entries, Number.POSITIVE_INFINITY)),
    cut(since, random) {
      let made: CutMade | undefined
      finish((entries, ends) => {
        const first = ends.filter((end) => end <= since).length
        const at = first + Math.floor(random() * (entries.length - first + 1))
        const before = entries.slice(0, at)
        const flushed = before.findLastIndex(({ kind }) => kind === 'flush')
        const pieces = piecesOf(before, ATOM)
        // A share of its own for each cut: most kept, most lost, and all between.
        const share = random()
        const isOpen = ({ entry, fua }: Piece) => entry > flushed && !fua
        const open = pieces.filter(isOpen)
        const kept = new Set(open.filter(() => random() < share))
        made = {
          ...{ entries: entries.length - first, at: at - first, last: at === entries.length },
          ...{ kept: kept.size, lost: open.length - kept.size },
        }
        return pieces.filter((piece) => !isOpen(piece) || kept.has(piece))
      })
      return made as CutMade
    },
  }
}
