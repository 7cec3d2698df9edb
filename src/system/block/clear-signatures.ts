import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import * as z from 'zod'
import type { Exec } from '../exec.ts'

export interface ClearedSignatures {
  /** Areas that were zeroed, in bytes from the start. */
  zeroed: { from: number; to: number }[]
  /** What wipefs says that it erased, a line each. */
  erased: string[]
  /** Types of signatures that are still found; must be empty. */
  left: string[]
}

const MIB = 2 ** 20
const GIB = 2 ** 30

/** BlueStore keeps copies of its label there (ceph: BlueStore.cc, bdev_label_positions); libblkid looks at the first only. */
const CEPH_LABELS = [1, 10, 100, 1000].map((gib) => gib * GIB)

const foundSchema = z.object({ signatures: z.array(z.object({ type: z.string() })) })

/**
 * Removes partition tables and signatures of a disk and of its partitions: the disk looks empty, its data is all there.
 * @throws CommandError when wipefs fails, and the errors of open, such as EBUSY for a disk in use
 */
export async function clearSignatures(
  disk: { path: string; sizeBytes: number; partitions: readonly string[] },
  exec: Exec,
  signal: AbortSignal,
): Promise<ClearedSignatures> {
  const { path, sizeBytes, partitions } = disk
  const options = { signal, timeout: 120_000 }
  const erased: string[] = []
  // What lies inside partitions would be found again once somebody partitions the disk as it was.
  for (const each of [...partitions, path]) {
    const { stdout } = await exec('wipefs', ['--all', '--force', each], options)
    erased.push(...stdout.split('\n').filter((line) => line !== ''))
  }
  const zeroed = areas(sizeBytes)
  await using file = await open(path, constants.O_RDWR | constants.O_EXCL | constants.O_SYNC)
  for (const { from, to } of zeroed) await zero(file, from, to)
  const found = await exec('wipefs', ['--json', '--no-act', path], options)
  const left =
    found.stdout.trim() === ''
      ? []
      : foundSchema.parse(JSON.parse(found.stdout)).signatures.map(({ type }) => type)
  return { zeroed, erased, left }
}

/** First and last MiB: partition tables, their copies, RAID metadata; and the copies of Ceph's labels. */
function areas(sizeBytes: number): { from: number; to: number }[] {
  const end = Math.min(MIB, sizeBytes)
  const all = [
    { from: 0, to: end },
    ...CEPH_LABELS.filter((at) => at + MIB <= sizeBytes - MIB).map((from) => ({ from, to: from + MIB })),
  ]
  if (sizeBytes > 2 * MIB) all.push({ from: sizeBytes - MIB, to: sizeBytes })
  return all
}

async function zero(file: FileHandle, from: number, to: number): Promise<void> {
  const zeros = Buffer.alloc(to - from)
  let written = 0
  while (written < zeros.length) {
    const { bytesWritten } = await file.write(zeros, written, zeros.length - written, from + written)
    if (bytesWritten === 0) throw new Error(`no byte more could be written at ${from + written}`)
    written += bytesWritten
  }
}
