import { combineVerdicts, type Verdict } from '../../../src/runtime/verdict.ts'
import { LEAST_CANARIES } from '../judge.ts'
import { covers, highestLevel, NOT_AN_ERASURE } from './levels.ts'
import type { Certificate, CertificateDisk } from './schema.ts'

export interface Judgement {
  verdict: Verdict
  /** Why, for everything but `passed`. */
  reason?: string
}

/** Everything that the evidence of a disk is judged by. */
export type DiskEvidence = Omit<
  CertificateDisk,
  'verdict' | 'reason' | 'standard' | 'smart' | 'bytesPerSecond'
>

/** Share of a disk that samples cover at least: NIST SP 800-88r1, 4.7.3. */
const SAMPLE = 0.1

/** A canary is a block of this size, in bytes. */
const CANARY = 4096

/**
 * The best verdict that the evidence supports. An exit code, or that a drive says that it is done, never suffices: what
 * was there before must have been looked for, and not found.
 */
export function supportedVerdict(disk: DiskEvidence): Judgement {
  const failed = proved(disk)
  if (failed !== undefined) return { verdict: 'failed', reason: failed }
  const open = doubt(disk)
  return open === undefined ? { verdict: 'passed' } : { verdict: 'unknown', reason: open }
}

/** Why the disk is proved not to be erased as asked. */
function proved(disk: DiskEvidence): string | undefined {
  const { method, levelAsked, levelReached, unwritten, hiddenArea, verification: read, endState } = disk
  if (method === null) return 'no erase was begun'
  if (method === 'signatures')
    return `${NOT_AN_ERASURE}: only partition tables and signatures were removed, the data is still there`
  if (endState?.state === 'failed' || endState?.state === 'rejected')
    return `the drive ${endState.state === 'failed' ? 'says that its erase failed' : 'refused the erase'}`
  if (levelReached === 'none') return 'no level was reached'
  if (!covers(highestLevel(method), levelReached)) return `${method} cannot reach the level ${levelReached}`
  // Whether the drive's maker calls it Purge is not known here.
  const almost = levelAsked === 'purge' && levelReached === 'possible purge'
  if (!covers(levelReached, levelAsked) && !almost)
    return `${levelAsked} was asked for, ${levelReached} was reached`
  if (unwritten.bytes > 0 || unwritten.count > 0) return `${unwritten.bytes} bytes could not be written`
  if (method === 'overwrite' && hiddenArea.state === 'not restored')
    return 'a hidden area was not given back, so it was not overwritten'
  if (read === null) return undefined
  if (read.canariesFound > 0)
    return `data of before is still there: ${read.canariesFound} of ${read.canariesChecked} canaries were found again`
  if (read.mismatchedBytes > 0) return `${read.mismatchedBytes} bytes are not what was written`
  return undefined
}

/** Why it is not proved either that the disk is erased. */
function doubt(disk: DiskEvidence): string | undefined {
  const { method, levelAsked, levelReached, device, ended, verification: read, endState } = disk
  if (levelAsked === 'purge' && levelReached === 'possible purge')
    return 'purge was asked for, and only the maker of the drive can tell whether this was one'
  if (ended === null) return 'the erase has no end'
  if (read === null) return 'nothing was read back'
  if (read.of !== device.sizeBytes) return `read back of ${read.of} bytes, the disk has ${device.sizeBytes}`
  if (read.unreadableBytes > 0) return `${read.unreadableBytes} bytes could not be read back`
  if (read.bytesRead < read.asked) return `only ${read.bytesRead} of ${read.asked} bytes were read back`
  const least = read.mode === 'full' ? read.of : read.of * SAMPLE
  if (read.bytesRead < least || read.of === 0)
    return `only ${read.bytesRead} of ${read.of} bytes were read back, too few for ${read.mode === 'full' ? 'all' : 'samples'}`
  return method === 'overwrite' ? doubtOfOverwrite(disk) : doubtOfFirmware(disk, read, endState)
}

function doubtOfOverwrite({
  hiddenArea,
  device,
  passes,
  pattern,
  seed,
  bytesWritten,
  verification: read,
}: DiskEvidence) {
  if (hiddenArea.state === 'unknown') {
    const why = hiddenArea.reason === undefined ? '' : `: ${hiddenArea.reason}`
    return `whether the disk hides sectors is not known${why}`
  }
  if (passes === null || passes < 1) return 'no pass was written whole'
  if (pattern === null || read?.expected !== pattern) return 'it was not compared with what was written'
  if (pattern === 'random' && seed === null) return 'the seed of the random pass is missing'
  const least = passes * device.sizeBytes
  if (bytesWritten === null || bytesWritten < least)
    return `${bytesWritten ?? 0} of ${least} bytes were written`
  return undefined
}

function doubtOfFirmware(
  { device }: DiskEvidence,
  read: NonNullable<DiskEvidence['verification']>,
  endState: DiskEvidence['endState'],
): string | undefined {
  if (endState?.state !== 'done') return 'the drive has not stated that it is done'
  const enough = Math.min(LEAST_CANARIES, Math.floor(device.sizeBytes / CANARY))
  if (read.canariesChecked < enough)
    return `only ${read.canariesChecked} canaries were looked for, ${enough} are needed`
  return undefined
}

type Whole = Pick<Certificate, 'scope' | 'disks' | 'leftAlone' | 'unseen'>

/** The verdict of a certificate from its parts. A refused disk was asked for; an unseen one matters when all were. */
export function overallVerdict({ scope, disks, leftAlone, unseen }: Whole): Judgement {
  const refused = leftAlone.filter(({ why }) => why === 'refused').length
  const verdicts = disks.map(({ verdict }) => verdict)
  const verdict = combineVerdicts([
    ...verdicts,
    ...(refused > 0 ? ['failed' as const] : []),
    ...(scope === 'all' && unseen.length > 0 ? ['unknown' as const] : []),
  ])
  if (verdict === 'passed') return { verdict }
  const count = (wanted: Verdict) => verdicts.filter((each) => each === wanted).length
  const parts = [
    ...(count('failed') > 0 ? [`${count('failed')} of ${disks.length} disks failed`] : []),
    ...(count('unknown') > 0 ? [`${count('unknown')} of ${disks.length} disks could not be proved`] : []),
    ...(refused > 0 ? [`${refused} that ${refused === 1 ? 'was' : 'were'} asked for left alone`] : []),
    ...(scope === 'all' && unseen.length > 0 ? ['not every drive may have been seen'] : []),
    ...(disks.length === 0 && refused === 0 ? ['there was no disk to erase'] : []),
  ]
  return { verdict, reason: parts.join('; ') }
}
