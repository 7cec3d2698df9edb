import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { type Cut, type Piece, piecesOf } from './cuts.ts'
import type { LogEntry } from './format.ts'

/** The disk as a cut leaves it; moves forward through the cuts of one log. */
export interface ReplayedDisk extends Disposable {
  /** The file that is that disk. Readers that change it get a copy. */
  path: string
  /** Brings it into the state of a cut; cuts come with rising `durable`. Tells a digest of it. */
  take(cut: Cut): string
}

const SECTOR = 512

/** Starts with a copy of `base`, which lies beside it and stays as it is. */
export function replayOnto(base: string, path: string, pieces: readonly Piece[]): ReplayedDisk {
  copySparse(base, path)
  const file = openSync(path, 'r+')
  const original = openSync(base, 'r')
  /** Digests of the sectors that differ from the base. */
  const changed = new Map<number, string>()
  let durable = 0
  let undo: { at: number; data: Buffer }[] = []

  const note = (at: number, data: Buffer) => {
    for (let offset = 0; offset < data.length; offset += SECTOR) {
      const sector = data.subarray(offset, offset + SECTOR)
      const was = readAt(original, at + offset, sector.length)
      if (sector.equals(was)) changed.delete(at + offset)
      else changed.set(at + offset, createHash('sha1').update(sector).digest('base64'))
    }
  }
  const put = (at: number, data: Buffer) => {
    writeAt(file, at, data)
    note(at, data)
  }
  const pieceAt = (index: number) => {
    const piece = pieces[index]
    if (piece === undefined) throw new Error(`no piece ${index}`)
    return piece
  }
  return {
    path,
    take(cut) {
      for (const { at, data } of undo.toReversed()) put(at, data)
      undo = []
      if (cut.durable < durable) throw new Error('cuts go forward only')
      for (; durable < cut.durable; durable += 1) put(pieceAt(durable).at, pieceAt(durable).data)
      for (const index of cut.also) {
        const { at, data } = pieceAt(index)
        undo.push({ at, data: readAt(file, at, data.length) })
        put(at, data)
      }
      const key = createHash('sha1')
      for (const at of [...changed.keys()].sort((a, b) => a - b)) key.update(`${at} ${changed.get(at)}\n`)
      return key.digest('base64')
    },
    [Symbol.dispose]() {
      closeSync(file)
      closeSync(original)
      rmSync(path, { force: true })
    },
  }
}

/** Makes `path` of `base` and all entries. */
export function replayAll(entries: readonly LogEntry[], base: string, path: string): void {
  copySparse(base, path)
  const file = openSync(path, 'r+')
  for (const { at, data } of piecesOf(entries, Number.POSITIVE_INFINITY)) writeAt(file, at, data)
  closeSync(file)
}

export function copySparse(from: string, to: string): void {
  execFileSync('cp', ['--sparse=auto', from, to])
}

function readAt(file: number, at: number, length: number): Buffer {
  const data = Buffer.alloc(length)
  if (readSync(file, data, 0, length, at) !== length) throw new Error(`nothing to read at ${at}`)
  return data
}

function writeAt(file: number, at: number, data: Buffer): void {
  if (writeSync(file, data, 0, data.length, at) !== data.length) throw new Error(`not written at ${at}`)
}
