import { explainInLine } from '../../errors.ts'
import type { Clock } from '../clock.ts'
import { type BlockFile, openBlockFile } from './block-file.ts'
import { DiskWorkError, GoneError } from './errors.ts'
import { mark } from './mark.ts'
import { overwrite } from './overwrite.ts'
import { readBack } from './read-back.ts'
import type { WorkReport } from './report.ts'
import type { MarkResult, OverwriteResult, ReadResult, WorkEnd, WorkRequest } from './schema.ts'

export type AnyResult = OverwriteResult | MarkResult | ReadResult
/** As the work itself can end: only who watches it sees a stall. */
export type OwnEnd = Exclude<WorkEnd<AnyResult>, { state: 'stalled' }>

/** Does the work of a request in this process; whatever goes wrong is in how it ended. */
export async function doWork(
  request: WorkRequest,
  report: WorkReport,
  clock: Clock,
  open: typeof openBlockFile = openBlockFile,
): Promise<OwnEnd> {
  try {
    checkRequest(request)
    const { path, sizeBytes, sectorBytes } = request
    const file = await open({ path, sizeBytes, sectorBytes, write: request.work !== 'read' })
    let result: AnyResult
    try {
      result = await act(request, file, report, clock)
    } catch (error) {
      await file.close().catch(() => undefined)
      throw error
    }
    // Whoever is told the end may open the disk at once.
    await file.close()
    return { state: 'done', result }
  } catch (error) {
    if (error instanceof GoneError) return { state: 'gone', reason: error.message, at: error.at }
    return { state: 'broken', reason: explainInLine(error) }
  }
}

function act(request: WorkRequest, file: BlockFile, report: WorkReport, clock: Clock): Promise<AnyResult> {
  switch (request.work) {
    case 'overwrite':
      return overwrite(request, file, report, clock)
    case 'mark':
      return mark(request, file, report)
    case 'read':
      return readBack(request, file, report, clock)
  }
}

/** A power of two, from which page-aligned memory follows. */
const SECTORS = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]

/** What the schema does not say. @throws DiskWorkError */
function checkRequest(request: WorkRequest): void {
  const { sectorBytes } = request
  if (!SECTORS.includes(sectorBytes))
    throw new DiskWorkError(`no disk has sectors of ${sectorBytes} bytes that can be used`)
  const offsets =
    request.work === 'overwrite'
      ? [request.from]
      : request.work === 'mark'
        ? request.offsets
        : [
            ...(request.ranges ?? []).flatMap(({ from, to }) => [from, to]),
            ...(request.canaries?.offsets ?? []),
          ]
  const odd = offsets.find((offset) => offset % sectorBytes !== 0 && offset !== request.sizeBytes)
  if (odd !== undefined) throw new DiskWorkError(`${odd} is not at a sector's border`)
  if (request.work === 'read') {
    const ranges = request.ranges ?? []
    if (ranges.some(({ from }, i) => from < (ranges[i - 1]?.to ?? 0))) {
      throw new DiskWorkError('the ranges to read are not in rising order')
    }
  }
}
