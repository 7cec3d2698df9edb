import { alignedBuffers } from './aligned.ts'
import type { BlockFile } from './block-file.ts'
import { canaryContent } from './canary.ts'
import { DiskWorkError, errorCode } from './errors.ts'
import { flushDisk, judgeFailure, stillThere } from './judge.ts'
import { canaryBytes } from './places.ts'
import type { WorkReport } from './report.ts'
import type { MarkRequest, MarkResult } from './schema.ts'

/**
 * Writes canaries and reads them back from the disk; one that cannot be placed is listed with the reason.
 * @throws GoneError when the disk is not there any more
 */
export async function mark(request: MarkRequest, file: BlockFile, report: WorkReport): Promise<MarkResult> {
  const { seed, offsets, sectorBytes, sizeBytes } = request
  const length = canaryBytes(sectorBytes)
  const failed = new Map<number, string>()
  const [buffer = Buffer.alloc(0)] = alignedBuffers(1, length)
  let operations = 0
  report.watch(() => ({
    done: Math.floor(operations / 2) * length,
    total: offsets.length * length,
    operations,
  }))
  const attempt = async (offset: number, act: () => Promise<void>) => {
    if (failed.has(offset)) return
    try {
      await act()
    } catch (error) {
      await judgeFailure(file, error, offset)
      failed.set(offset, errorCode(error) ?? String(error))
    } finally {
      operations += 1
    }
  }
  for (const offset of offsets) {
    if (offset % length !== 0 || offset + length > sizeBytes) {
      throw new DiskWorkError(`no canary can lie at ${offset}`)
    }
    await attempt(offset, async () => {
      buffer.set(canaryContent(seed, offset, length))
      await file.write(buffer, offset)
    })
  }
  await flushDisk(file, 0)
  const placed: number[] = []
  for (const offset of offsets) {
    await attempt(offset, async () => {
      buffer.fill(0)
      await file.read(buffer, offset)
      if (buffer.equals(canaryContent(seed, offset, length))) placed.push(offset)
      else failed.set(offset, 'what was read back is not what was written')
    })
  }
  await stillThere(file, 0)
  return { placed, failed: [...failed].map(([offset, error]) => ({ offset, error })) }
}
