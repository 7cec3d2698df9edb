import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import { readSmartHealth } from '../../../src/system/block/smart-health.ts'
import { type Forgotten, forgetPartitions } from '../../../src/system/block/stack/forget.ts'
import { samplePlaces } from '../../../src/system/disk-io/places.ts'
import { totalBytes } from '../../../src/system/disk-io/ranges.ts'
import { runDiskWork } from '../../../src/system/disk-io/run.ts'
import type { Pattern, Range } from '../../../src/system/disk-io/schema.ts'
import { mistaken } from '../identify.ts'
import { currentDisk, type DiskRecord, openRecord } from '../journal.ts'
import { judge } from '../judge.ts'
import { KIND_UNKNOWN } from '../plan/running.ts'
import type { DiskJournal, VerifyMode, WipeKinds } from '../schema.ts'
import { notDone } from './work-end.ts'

/** Ranges that go into the evidence. */
const LISTED = 20

/** Reads back by O_DIRECT what the erase has left, and looks for every canary. */
export async function verify(params: WipeKinds['verify'], ctx: StepContext): Promise<StepOutcome> {
  const record = await openRecord(ctx.stateDir, params.disk)
  const { data } = record
  const disk = currentDisk(params.disk, record)
  const { erase } = data
  if (erase === null || erase.ended === null)
    return { verdict: 'unknown', reason: 'the journal tells of no erase that ended', evidence: {} }
  const { method } = erase
  const check = params.checks[method]
  if (check === undefined)
    return { verdict: 'unknown', reason: `nothing was planned that proves ${method}`, evidence: {} }
  const { mode } = check
  const kind = check.kindUnknown && !erase.stated ? KIND_UNKNOWN : undefined
  const doubt = [check.doubt, kind].filter((each) => each !== undefined).join('; ')
  const wrong = await mistaken(disk, ctx)
  if (wrong !== undefined) return { verdict: 'failed', reason: wrong, evidence: {} }
  if (mode === 'none') {
    await settle(record, ctx)
    return { verdict: 'unknown', reason: 'not verified, as it was asked', evidence: { mode, method } }
  }
  const { path, sizeBytes, sectorBytes } = disk
  const ranges = rangesOf(mode, data, sizeBytes, sectorBytes)
  const end = await runDiskWork(
    {
      work: 'read',
      path,
      sizeBytes,
      sectorBytes,
      expect: expected(erase),
      ranges,
      canaries: data.canaries.length === 0 ? null : { seed: data.seed, offsets: data.canaries },
    },
    { ...ctx, stall: params.stall, progress: (done, total) => ctx.voice.progress(done, total, 'bytes') },
  )
  if (end.state !== 'done') return notDone(end)
  const read = end.result
  const askedBytes = ranges === null ? sizeBytes : totalBytes(ranges)
  data.verification = { mode, askedBytes, read }
  const kernel = await settle(record, ctx)
  const evidence = {
    mode,
    method,
    askedBytes,
    ...read,
    mismatches: read.mismatches.slice(0, LISTED),
    unreadable: read.unreadable.slice(0, LISTED),
    bytesPerSecond: read.seconds > 0 ? Math.round(read.readBytes / read.seconds) : null,
    smartAfter: data.smartAfter,
    kernel,
    ...(doubt === '' ? {} : { doubt }),
  }
  const judged = judge({ mode, method, sizeBytes, askedBytes, canaries: data.canaries.length, read })
  if (judged.verdict === 'passed' && doubt !== '') return { verdict: 'unknown', reason: doubt, evidence }
  return { ...judged, evidence }
}

/** Health afterwards; and the kernel forgets the partitions that it knew of. */
async function settle({ data, save }: DiskRecord, ctx: StepContext): Promise<Forgotten> {
  data.smartAfter = await readSmartHealth(ctx.exec, data.disk.path, ctx.signal)
  await save()
  return forgetPartitions(data.disk.path, ctx)
}

function rangesOf(
  mode: Exclude<VerifyMode, 'none'>,
  data: DiskJournal,
  sizeBytes: number,
  sectorBytes: number,
): Range[] | null {
  return mode === 'full' ? null : samplePlaces(data.seed, sizeBytes, sectorBytes)
}

/** What an overwrite has left; of what a drive leaves by itself nothing is known beforehand. */
function expected({ method, patternSeed }: NonNullable<DiskJournal['erase']>): Pattern | null {
  if (method !== 'overwrite') return null
  return patternSeed === null ? { kind: 'zero' } : { kind: 'random', seed: patternSeed }
}
