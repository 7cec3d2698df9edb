import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type EventReader, openEventFile } from '../../src/runtime/event-file.ts'
import { LINE_LIMIT, lastOfRun, wholeEvents } from '../../src/runtime/event-lines.ts'
import { numbers, seqOf } from './helpers/live.ts'
import { temporaryDir } from './helpers/temporary.ts'

const dir = temporaryDir()
let files = 0
const line = (seq: number, message = 'x') => `{"seq":${seq},"message":${JSON.stringify(message)}}\n`
const linesOf = (first: number, last: number, message?: string) =>
  numbers(first, last)
    .map((seq) => line(seq, message))
    .join('')

function freshFile(text: string | Buffer): string {
  files += 1
  const path = join(dir, `${files}.ndjson`)
  writeFileSync(path, text)
  return path
}

/** Everything that is there, each line as JSON, and how much came at once at most. */
async function drain(reader: EventReader, limit = Number.POSITIVE_INFINITY): Promise<number[]> {
  const seen: number[] = []
  for (let lines = await reader.read(limit); lines !== undefined; lines = await reader.read(limit)) {
    if (lines.length > 0) assert.is(lines.at(-1), 0x0a, 'whole lines only')
    seen.push(...lines.toString().split('\n').filter(Boolean).map(seqOf))
  }
  return seen
}

test('a run of events is known by its numbers', () => {
  const run = (text: string, after: number) => lastOfRun(Buffer.from(text), after)
  assert.is(run(linesOf(4, 9), 3), 9)
  assert.is(run(linesOf(4, 9), 4), undefined)
  assert.is(run(line(4) + line(6), 3), undefined, 'a gap')
  assert.is(run(line(4) + line(5).slice(0, 12) + line(6), 3), undefined, 'two lines in one')
  assert.is(run(line(4) + line(5).slice(0, 12) + linesOf(6, 7), 3), undefined, 'the same in the middle')
  assert.is(run('{"seq":4,"evidence":{"seq":7}}\n', 3), 4, 'that is one event')
  assert.is(run(`${line(4)}garbage\n`, 3), undefined)
  assert.is(run(`${line(4).slice(0, 12)}\n${line(5)}`, 3), undefined, 'half a line with an end')
  assert.is(run(`${line(4)}\0\0${line(5)}${line(6)}`, 3), undefined, 'a hole before a line')
  assert.is(run(line(4) + line(5, 'yy').replace('yy', '\0\0') + line(6), 3), undefined, 'a hole in a line')
  assert.is(run(`${line(4)}junk${line(5)}${line(6)}`, 3), undefined, 'junk before a line')
  assert.is(run('', 0), undefined)
  assert.is(lastOfRun(Buffer.concat([Buffer.from('{"seq":1,"m":"'), Buffer.of(0xff, 0x0a)]), 0), undefined)
})

test('of damaged lines the whole events are kept, each once', () => {
  const whole = (text: string, after = 0) => {
    const { lines, last } = wholeEvents(Buffer.from(text), after)
    return { seen: lines.toString().split('\n').filter(Boolean).map(seqOf), last }
  }
  assert.equal(whole(line(1) + line(2).slice(0, 12) + line(3)), { seen: [1, 3], last: 3 })
  assert.equal(whole(`${line(1)}\0\0\0\0${line(2)}`), { seen: [1, 2], last: 2 })
  assert.equal(whole(linesOf(1, 4) + linesOf(3, 5), 1), { seen: [2, 3, 4, 5], last: 5 })
  assert.equal(whole('no event\n'), { seen: [], last: 0 })
  const nested = '{"seq":1,"evidence":{"seq":7}}\n'
  assert.equal(wholeEvents(Buffer.from(nested), 0).lines.toString(), nested)
})

test('property: a reader begins after any number, wherever its line is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 60 }),
      fc.nat({ max: 70 }),
      async (sizes, since) => {
        const path = freshFile(sizes.map((size, i) => line(i + 1, 'ä'.repeat(size))).join(''))
        await using file = await openEventFile(path)
        const seen = await drain(await file.after(since))
        assert.equal(seen, numbers(since + 1, sizes.length))
        const { position, last } = await file.atEnd()
        assert.equal({ position, last }, { position: statSync(path).size, last: sizes.length })
      },
    ),
    { numRuns: 60 },
  )
})

test('looking for a number reads little of a large file', async () => {
  const message = 'y'.repeat(100)
  await using file = await openEventFile(freshFile(linesOf(1, 200_000, message)))
  const bytesRead = () => Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
  const before = bytesRead()
  for (const since of [0, 1, 99_999, 199_999, 200_000]) {
    assert.is((await file.after(since)).position, Buffer.byteLength(linesOf(1, since, message)))
  }
  const all = Buffer.byteLength(linesOf(1, 200_000, message))
  assert.ok(bytesRead() - before < all / 10, `${bytesRead() - before} of ${all} bytes`)
})

test('a line longer than a chunk comes whole; one without end is passed over', async () => {
  const long = line(2, 'z'.repeat(3e6))
  await using file = await openEventFile(freshFile(line(1) + long + line(3)))
  assert.equal(await drain(await file.after(0)), [1, 2, 3])
  const endless = Buffer.concat([
    Buffer.from(line(1)),
    Buffer.alloc(LINE_LIMIT * 2),
    Buffer.from(`\n${line(2)}`),
  ])
  await using hole = await openEventFile(freshFile(endless))
  assert.equal(await drain(await hole.after(0)), [1, 2])
})

test('half a line waits for its other half', async () => {
  const path = freshFile(line(1) + line(2).slice(0, 10))
  await using file = await openEventFile(path)
  const reader = await file.after(0)
  assert.equal(await drain(reader), [1])
  appendFileSync(path, line(2).slice(10))
  assert.equal(await drain(reader), [2])
})

test('what another reader has read is not read again, and no more than the limit', async () => {
  const text = linesOf(1, 9)
  await using file = await openEventFile(freshFile(text))
  const reader = await file.after(0)
  assert.equal(await drain(reader, linesOf(1, 4).length), [1, 2, 3, 4])
  reader.skipTo({ position: linesOf(1, 6).length, last: 6 })
  assert.equal(await drain(reader), [7, 8, 9])
})

test('property: of a file that is cut and goes on, a reader gets what is whole, once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 400 }),
      fc.nat({ max: 400 }),
      fc.nat(),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom('', '\0\0\0', '\n', 'junk\n'),
      async (count, read, cut, more, between) => {
        const path = freshFile(linesOf(1, count, 'x'.repeat(count)))
        await using file = await openEventFile(path)
        const reader = await file.after(0)
        const seen = await drain(reader, linesOf(1, Math.min(read, count), 'x'.repeat(count)).length)
        const size = cut % (statSync(path).size + 1)
        truncateSync(path, size)
        const left = readFileSync(path, 'utf8').split('\n').length - 1
        appendFileSync(path, between + linesOf(count + 1, count + more, 'x'.repeat(count)))
        seen.push(...(await drain(reader, statSync(path).size)))
        // A file that was filled to its old size again between two looks shows that with the next event.
        appendFileSync(path, line(count + more + 1))
        seen.push(...(await drain(reader, statSync(path).size)))
        const had = Math.min(read, count)
        const whole = [...numbers(1, had), ...numbers(had + 1, left), ...numbers(count + 1, count + more + 1)]
        // The line that was cut may have lost its newline only, and is whole after all.
        assert.equal(
          seen.filter((seq) => seq !== left + 1 || whole.includes(seq)),
          whole,
        )
      },
    ),
    { numRuns: 200 },
  )
})

test.run()
