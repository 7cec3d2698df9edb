import { type FileHandle, open } from 'node:fs/promises'
import { HEAD_SIZE, LINE_LIMIT, lastOfRun, NEWLINE, numberAt, wholeEvents } from './event-lines.ts'

/** Bytes that are read at once. */
const CHUNK = 256 * 1024
/** Bytes that are looked through for where a line starts. */
const BLOCK = 16 * 1024
/** A search this near goes on line by line. */
const NEAR = 4 * BLOCK

/** The event file, open to be read by many at their own pace. */
export interface EventFile extends AsyncDisposable {
  size(): Promise<number>
  /** A reader that has read all that is there. */
  atEnd(): Promise<EventReader>
  /** A reader that goes on after this event. */
  after(since: number): Promise<EventReader>
}

/**
 * Reads whole event lines in order of their numbers, each once, whatever happens to the file. What is read has to follow
 * what was read before; where it does not, somebody cut or damaged the file: then it is looked up anew where the numbers
 * go on, lines are taken one by one, and only whole events with a number above the last pass. So half a line is never
 * passed on, and a gap is what the file has lost.
 */
export interface EventReader {
  /** Byte after the last line that was read. */
  readonly position: number
  /** Number of the last event that was read. */
  readonly last: number
  /** How often what was there did not follow what was read before. */
  readonly breaks: number
  /** Takes as read what another reader has read. */
  skipTo(other: { position: number; last: number }): void
  /**
   * The next lines that end below `limit` bytes, at most 256 KiB or one longer line, valid until the next call; none
   * (length 0) when there was but damage; undefined when there is no whole line yet.
   */
  read(limit: number): Promise<Buffer | undefined>
}

/** @throws Error of the file system when it cannot be opened */
export async function openEventFile(path: string): Promise<EventFile> {
  const file = await open(path, 'r')
  return {
    size: async () => (await file.stat()).size,
    async atEnd() {
      const { before, after } = await locate(file, Number.POSITIVE_INFINITY)
      const line = await firstLine(file, before, after)
      return createReader(file, after, line?.seq ?? 0)
    },
    after: async (since) => createReader(file, (await locate(file, since)).after, since),
    [Symbol.asyncDispose]: () => file.close(),
  }
}

function createReader(file: FileHandle, from: number, since: number): EventReader {
  let position = from
  let last = since
  /** The number for which the file was last searched, so that damage is searched around once. */
  let soughtFor: number | undefined
  let breaks = 0
  let scratch: Buffer | undefined

  const wholeLines = async (limit: number): Promise<Buffer | undefined> => {
    for (let size = CHUNK; ; size *= 4) {
      const length = Math.min(size, limit - position)
      if (length <= 0) return undefined
      const buffer =
        scratch !== undefined && scratch.length >= length ? scratch : Buffer.allocUnsafeSlow(length)
      if (length <= CHUNK) scratch = buffer
      const { bytesRead } = await file.read(buffer, 0, length, position)
      const end = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE)
      if (end >= 0) return buffer.subarray(0, end + 1)
      if (bytesRead < size) return undefined
      // The rest of a line that is too long to be one is passed over as damage.
      if (size >= LINE_LIMIT) return buffer.subarray(0, bytesRead)
    }
  }

  return {
    get position() {
      return position
    },
    get last() {
      return last
    },
    get breaks() {
      return breaks
    },
    skipTo(other) {
      position = other.position
      last = other.last
      // Kept only by who reads: most viewers take what the tail has read.
      scratch = undefined
    },
    async read(limit) {
      let lines = await wholeLines(limit)
      if (lines === undefined && position <= limit) return undefined
      const run = lines === undefined ? undefined : lastOfRun(lines, last)
      if (lines !== undefined && run !== undefined) {
        position += lines.length
        last = run
        return lines
      }
      if (soughtFor !== last || position > limit) {
        breaks += 1
        soughtFor = last
        position = (await locate(file, last)).before
        lines = await wholeLines(limit)
      }
      if (lines === undefined) return undefined
      position += lines.length
      const whole = wholeEvents(lines, last)
      last = whole.last
      return whole.lines
    },
  }
}

/**
 * Where events numbered above `since` start: `after` is the first such line, or the end of the file, `before` the line
 * before it. Found by halving, because numbers only grow and every line starts with its own.
 */
async function locate(file: FileHandle, since: number): Promise<{ before: number; after: number }> {
  const { size } = await file.stat()
  let before = 0
  for (let [low, high] = [0, size]; high - low > NEAR; ) {
    const middle = low + Math.floor((high - low) / 2)
    const line = await firstLine(file, middle, high)
    if (line === undefined || line.seq > since) high = middle
    else low = before = line.start
  }
  for await (const { start, seq } of numberedLines(file, before)) {
    if (seq > since) return { before, after: start }
    before = start
  }
  return { before, after: await endOfLines(file, size) }
}

async function firstLine(
  file: FileHandle,
  from: number,
  below: number,
): Promise<{ start: number; seq: number } | undefined> {
  for await (const line of numberedLines(file, from)) return line.start < below ? line : undefined
  return undefined
}

/** Lines that start at this byte or later and have a number. */
async function* numberedLines(
  file: FileHandle,
  from: number,
): AsyncGenerator<{ start: number; seq: number }> {
  const block = Buffer.allocUnsafe(BLOCK)
  // A line starts after a newline, and the first one at 0.
  let position = Math.max(from - 1, 0)
  let start = from === 0 ? 0 : -1
  for (;;) {
    const { bytesRead } = await file.read(block, 0, BLOCK, position)
    const bytes = block.subarray(0, bytesRead)
    if (start < 0) start = bytes.indexOf(NEWLINE) + 1 || -1
    while (start >= 0 && (start + HEAD_SIZE <= bytesRead || bytesRead < BLOCK)) {
      const seq = numberAt(bytes, start)
      if (seq !== undefined) yield { start: position + start, seq }
      start = bytes.indexOf(NEWLINE, start) + 1 || -1
    }
    if (bytesRead < BLOCK) return
    // A start that is too near the end of the block is read again with the next one.
    position += start < 0 ? bytesRead : start
    start = start < 0 ? -1 : 0
  }
}

/** Byte after the last whole line. */
async function endOfLines(file: FileHandle, size: number): Promise<number> {
  const block = Buffer.allocUnsafe(BLOCK)
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - BLOCK)
    const { bytesRead } = await file.read(block, 0, end - from, from)
    const newline = block.subarray(0, bytesRead).lastIndexOf(NEWLINE)
    if (newline >= 0) return from + newline + 1
    end = from
  }
  return 0
}
