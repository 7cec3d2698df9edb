import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SpeedisoError } from '../../src/errors.ts'
import { type StateRecord, shorten } from '../../src/root/record.ts'
import {
  chooseRecord,
  formatRecord,
  isRecordLost,
  parseRecord,
  RECORD_FILES,
  RECORD_SIZE,
  readRecord,
  writeRecord,
} from '../../src/root/record-file.ts'
import { FIRST_RECORD } from '../../src/root/standing.ts'
import { temporaryDir } from './helpers/temporary.ts'

const record = (seq: number, more: Partial<StateRecord> = {}): StateRecord => ({
  ...FIRST_RECORD,
  ...{ seq, confirmed: `${seq}-1`, images: { [`${seq}-1`]: { id: 'a', version: '1.0' } } },
  ...more,
})
const full = record(41, {
  trial: { image: '12-99', boots: 1, limit: 3 },
  bounces: 2,
  denied: [{ digest: 'd'.repeat(64), reason: 'an odd reason: \n\u{1f600} "', time: '2026-11-20T10:00:00Z' }],
})
const at = (dir: string, copy: 0 | 1) => join(dir, RECORD_FILES[copy])
const seqs = (dir: string) =>
  RECORD_FILES.map((name) => {
    try {
      return parseRecord(readFileSync(join(dir, name)))?.seq
    } catch {
      return undefined
    }
  })

test('a copy comes back as it was', () => {
  const image = fc.record(
    { id: fc.string(), sha256: fc.string(), version: fc.string(), kernelRelease: fc.string() },
    { requiredKeys: ['id'], noNullPrototype: true },
  )
  const denied = fc.record(
    { digest: fc.string(), version: fc.string(), reason: fc.string({ unit: 'grapheme' }), time: fc.string() },
    { requiredKeys: ['digest', 'reason', 'time'], noNullPrototype: true },
  )
  const records = fc.record(
    {
      schema: fc.constant('speediso.root-state/1' as const),
      seq: fc.integer({ min: 1, max: 2 ** 31 }),
      confirmed: fc.string(),
      trial: fc.record(
        { image: fc.string(), boots: fc.nat(), limit: fc.integer({ min: 1, max: 9 }) },
        { noNullPrototype: true },
      ),
      bounces: fc.nat(),
      images: fc.dictionary(fc.stringMatching(/^[0-9]+-[0-9]+$/), image, {
        maxKeys: 6,
        noNullPrototype: true,
      }),
      denied: fc.array(denied, { maxLength: 16 }),
    },
    { requiredKeys: ['schema', 'seq', 'bounces', 'images', 'denied'], noNullPrototype: true },
  )
  fc.assert(
    fc.property(records, (given) => {
      const bytes = formatRecord(given as StateRecord)
      assert.is(bytes.length, RECORD_SIZE)
      assert.equal(parseRecord(bytes), given)
    }),
  )
})

test('every copy has the same size, and one that would be larger is an error', () => {
  assert.is(formatRecord(FIRST_RECORD).length, RECORD_SIZE)
  assert.is(formatRecord(full).length, RECORD_SIZE)
  const large = record(1, { images: { '1-1': { id: 'a', version: 'v'.repeat(RECORD_SIZE) } } })
  assert.throws(
    () => formatRecord(large),
    (error: unknown) => error instanceof SpeedisoError && /more than 32768/.test(error.message),
  )
})

test('what has failed longest ago is left out before a change fails for want of room', () => {
  const denied = Array.from({ length: 16 }, (_, i) => ({
    digest: `${i}`,
    reason: 'r'.repeat(4000),
    time: '',
  }))
  const kept = parseRecord(formatRecord(record(3, { denied })))
  assert.equal([kept?.seq, kept?.denied.at(-1)], [3, denied.at(-1)])
  assert.ok(kept !== undefined && kept.denied.length > 5 && kept.denied.length < 16)
  assert.equal(kept?.denied, denied.slice(-kept.denied.length))
})

test('a text is cut without half a character, and to what takes no more room than its letters', () => {
  assert.is(shorten('one\u0000\ntwo', 300), 'one  two')
  assert.is(shorten('ab\u{1f600}', 3), 'ab\ufffd')
  for (const text of ['\u0001', '\ud83d', '\u{1f600}', 'é', '"'])
    assert.ok(Buffer.byteLength(JSON.stringify(shorten(text.repeat(400), 300))) <= 3 * 300 + 2)
})

test('a flipped bit anywhere in a copy: it does not count, but in the filling, which says nothing', () => {
  const bytes = formatRecord(full)
  const end = bytes.indexOf('\n}\n') + 3
  assert.ok(end > 300 && end < RECORD_SIZE)
  let taken = 0
  for (let byte = 0; byte < RECORD_SIZE; byte += byte < end ? 1 : 997) {
    for (let bit = 0; bit < 8; bit += 1) {
      const damaged = Buffer.from(bytes)
      damaged[byte] = (damaged[byte] ?? 0) ^ (1 << bit)
      const read = parseRecord(damaged)
      if (byte < end) assert.is(read, undefined, `byte ${byte}, bit ${bit}`)
      else {
        assert.equal(read, full)
        taken += 1
      }
    }
  }
  assert.ok(taken > 0)
})

test('a copy that is cut off anywhere does not count', () => {
  const bytes = formatRecord(full)
  const end = bytes.indexOf('\n}\n') + 3
  for (let length = 0; length < end; length += 1) assert.is(parseRecord(bytes.subarray(0, length)), undefined)
  assert.equal(parseRecord(bytes.subarray(0, end)), full)
})

test('a copy that is torn between any two sectors does not count: neither the new nor the old one', () => {
  const [older, newer] = [formatRecord(record(1)), formatRecord(full)]
  const same = [0, RECORD_SIZE]
  for (let at_ = 0; at_ <= RECORD_SIZE; at_ += 1) {
    // Sectors first, and every byte of the text besides.
    if (at_ % 512 !== 0 && at_ > 1200) continue
    const begun = parseRecord(Buffer.concat([newer.subarray(0, at_), older.subarray(at_)]))
    const ended = parseRecord(Buffer.concat([older.subarray(0, at_), newer.subarray(at_)]))
    for (const read of [begun, ended]) {
      if (read !== undefined) assert.ok([1, 41].includes(read.seq), 'whole or not at all')
      if (read?.seq === 41) assert.equal(read, full)
      if (read?.seq === 1) assert.equal(read, record(1))
    }
    if (same.includes(at_)) assert.ok(begun !== undefined && ended !== undefined)
  }
})

test('what is none does not count: empty, zeros, another schema, another number in its head', () => {
  assert.is(parseRecord(Buffer.alloc(0)), undefined)
  assert.is(parseRecord(Buffer.alloc(RECORD_SIZE)), undefined)
  assert.is(parseRecord(Buffer.alloc(RECORD_SIZE, '\n')), undefined)
  assert.is(parseRecord(formatRecord({ ...full, schema: 'speediso.root-state/2' as never })), undefined)
  const text = formatRecord(full).toString('latin1')
  assert.is(parseRecord(Buffer.from(text.replace('state 41 ', 'state 42 '), 'latin1')), undefined)
})

test('what a newer speediso has added is not known here, and keeps nothing else from being known', () => {
  assert.equal(parseRecord(formatRecord({ ...full, unknown: 1 } as never)), full)
})

test('of two copies the higher number counts; of one that is damaged the other', () => {
  const [one, two] = [record(1), record(2)]
  assert.is(chooseRecord([one, two]), two)
  assert.is(chooseRecord([two, one]), two)
  assert.is(chooseRecord([undefined, one]), one)
  assert.is(chooseRecord([two, undefined]), two)
  assert.is(chooseRecord([undefined, undefined]), undefined)
})

test('written in turns, each in place, and readable after each', async () => {
  const dir = temporaryDir()
  assert.is(await readRecord(dir), undefined)
  const inodes: (number | undefined)[] = []
  for (let seq = 1; seq <= 6; seq += 1) {
    await writeRecord(dir, record(seq))
    assert.equal(await readRecord(dir), record(seq))
    if (seq > 1) assert.equal([...seqs(dir)].sort(), [seq - 1, seq])
    if (seq === 2 || seq === 6) inodes.push(...RECORD_FILES.map((name) => statSync(join(dir, name)).ino))
  }
  assert.equal(inodes.slice(0, 2), inodes.slice(2), 'the same files')
  for (const name of RECORD_FILES) assert.is(statSync(join(dir, name)).size, RECORD_SIZE)
  assert.equal(readdirSync(join(dir, '.speediso')).sort(), ['state-1', 'state-2'])
})

test('its very first write makes both files: what comes later needs no room', async () => {
  const dir = temporaryDir()
  await writeRecord(dir, record(1))
  for (const name of RECORD_FILES) assert.is(statSync(join(dir, name)).size, RECORD_SIZE, name)
  assert.equal(await readRecord(dir), record(1))
})

test('a copy that was cut off by a full disk has its whole size once there is room', async () => {
  for (const size of [0, 1, 4096, RECORD_SIZE - 1]) {
    const dir = temporaryDir()
    await writeRecord(dir, record(1))
    for (const n of [0, 1] as const) truncateSync(at(dir, n), Math.max(size, n === 0 ? 4096 : 0))
    assert.equal(await readRecord(dir), record(1), 'what it says stands at its start')
    await writeRecord(dir, record(2))
    assert.equal(await readRecord(dir), record(2))
    for (const n of [0, 1] as const) assert.is(statSync(at(dir, n)).size, RECORD_SIZE)
  }
})

test('never through a link: what it leads to is somebody else’s', async () => {
  for (const n of [0, 1] as const) {
    const dir = temporaryDir()
    await writeRecord(dir, record(1))
    const mine = join(dir, 'mine')
    writeFileSync(mine, 'x')
    rmSync(at(dir, n))
    symlinkSync(mine, at(dir, n))
    const error = await writeRecord(dir, record(2)).catch((thrown: unknown) => thrown)
    assert.is((error as NodeJS.ErrnoException).code, 'ELOOP')
    assert.is(readFileSync(mine, 'utf8'), 'x')
  }
})

test('a damaged copy is the one that is written next, whichever it is', async () => {
  for (const copy of [0, 1] as const) {
    const dir = temporaryDir()
    for (const seq of [1, 2, 3]) await writeRecord(dir, record(seq))
    const kept = seqs(dir)[1 - copy]
    damage(at(dir, copy))
    assert.is((await readRecord(dir))?.seq, kept)
    await writeRecord(dir, record(9))
    const after = seqs(dir)
    assert.is(after[copy], 9)
    assert.is(after[1 - copy], kept)
  }
})

test('a power cut while a copy is written leaves the one before', async () => {
  const dir = temporaryDir()
  for (const seq of [1, 2]) await writeRecord(dir, record(seq))
  const older = seqs(dir)[0] === 1 ? 0 : 1
  const bytes = formatRecord(record(3))
  for (const length of [1, 30, 100, 512, 600]) {
    const file = openSync(at(dir, older), 'r+')
    writeSync(file, bytes, 0, length, 0)
    closeSync(file)
    const seq = (await readRecord(dir))?.seq
    assert.ok(seq === 2 || (seq === 3 && length >= bytes.indexOf('\n}\n')), `${length}: ${seq}`)
  }
})

test('with both copies damaged nothing is remembered, and the next one is written as the first', async () => {
  const dir = temporaryDir()
  assert.is(await isRecordLost(dir), false)
  for (const seq of [1, 2]) await writeRecord(dir, record(seq))
  truncateSync(at(dir, 0), 100)
  assert.is(await isRecordLost(dir), false)
  writeFileSync(at(dir, 1), '')
  assert.is(await readRecord(dir), undefined)
  assert.is(await isRecordLost(dir), true)
  await writeRecord(dir, record(1))
  assert.equal(await readRecord(dir), record(1))
  assert.is(await isRecordLost(dir), false)
})

test('a copy that was never written to has lost nothing, and one that cannot be read has', async () => {
  const dir = temporaryDir()
  await writeRecord(dir, record(1))
  const [one, two] = [at(dir, 0), at(dir, 1)]
  assert.ok(
    readFileSync(two).every((byte) => byte === 0x0a),
    'control: the other copy is there',
  )
  rmSync(one)
  assert.is(await isRecordLost(dir), false)
  mkdirSync(one)
  assert.is(await isRecordLost(dir), true)
})

function damage(path: string): void {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.from([0xff]), 0, 1, 200)
  closeSync(file)
}

test.run()
