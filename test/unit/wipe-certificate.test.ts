import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as z from 'zod'
import { known } from '../../src/system/finding.ts'
import { canonicalJson } from '../../tasks/wipe/certificate/canonical.ts'
import { checkCertificate } from '../../tasks/wipe/certificate/check.ts'
import { certificateHtml } from '../../tasks/wipe/certificate/html.ts'
import { highestLevel } from '../../tasks/wipe/certificate/levels.ts'
import { type DiskResult, makeCertificate } from '../../tasks/wipe/certificate/make.ts'
import { certificateSchema } from '../../tasks/wipe/certificate/schema.ts'
import { durationWords, exactBytes, sizeWords } from '../../tasks/wipe/certificate/words.ts'
import { METHOD_NAMES } from '../../tasks/wipe/plan/method-names.ts'
import { certificateOf, HEALTH, input, overwritten, quick, sanitized } from './helpers/certificate.ts'

type Verification = NonNullable<DiskResult['verification']>

const read = (disk: DiskResult, change: Partial<Verification>): DiskResult => {
  if (disk.verification === null) throw new Error('nothing was read back')
  return { ...disk, verdict: 'passed', verification: { ...disk.verification, ...change } }
}

/** Verdict and reason of the one disk, and the verdict of the whole. */
function judged(disk: DiskResult): string {
  const { disks, verdict } = certificateOf(disk)
  const [only] = disks
  assert.is(only?.verdict, verdict)
  assert.is(only?.levelReached === 'none', verdict !== 'passed', 'no level without a proof')
  return verdict === 'passed' ? verdict : `${verdict}: ${only?.reason}`
}

test('what is proved passes, with its level and the words of the standards', () => {
  const { verdict, reason, disks, signature } = certificateOf(overwritten(), sanitized())
  assert.equal([verdict, reason, signature], ['passed', undefined, null])
  assert.equal(
    disks.map(({ levelReached, bytesPerSecond }) => [levelReached, bytesPerSecond]),
    [
      ['clear', 180_126_380],
      ['purge', null],
    ],
  )
  assert.match(
    disks[0]?.standard ?? '',
    /^Overwrite of every addressable sector: a Clear technique of IEEE 2883; NIST SP 800-88r2/,
  )
  assert.match(disks[1]?.standard ?? '', /^NVMe Sanitize, Crypto Erase: a Purge technique of IEEE 2883/)
})

test('a disk that is given as passed is not, where its evidence does not prove it', () => {
  const cases: [DiskResult, RegExp][] = [
    [read(overwritten(), { canariesFound: 1 }), /^failed: data of before is still there: 1 of 64 canaries/],
    [read(overwritten(), { mismatchedBytes: 512 }), /^failed: 512 bytes are not what was written/],
    [read(overwritten(), { unreadableBytes: 512 }), /^unknown: 512 bytes could not be read back/],
    [read(overwritten(), { bytesRead: 4096 }), /^unknown: only 4096 of 4000787030016 bytes/],
    [
      read(overwritten(), { bytesRead: 4096, asked: 4096 }),
      /^unknown: only 4096 of 4000787030016 .* too few for all/,
    ],
    [read(overwritten(), { of: 4096, bytesRead: 4096, asked: 4096 }), /^unknown: read back of 4096 bytes/],
    [
      read(overwritten(), { mode: 'sample', asked: 2 ** 30, bytesRead: 2 ** 30 }),
      /^unknown: .* too few for samples/,
    ],
    [
      read(overwritten(), { mode: 'sample', asked: 2e12, bytesRead: 1e12 }),
      /^unknown: only 1000000000000 of 2000000000000 bytes were read back$/,
    ],
    [read(overwritten(), { expected: 'anything' }), /^unknown: it was not compared/],
    [read(overwritten(), { expected: 'zero' }), /^unknown: it was not compared/],
    [overwritten(0, { verification: null }), /^unknown: nothing was read back/],
    [overwritten(0, { seed: null }), /^unknown: the seed of the random pass is missing/],
    [overwritten(0, { passes: 0 }), /^unknown: no pass was written whole/],
    [overwritten(0, { passes: 2 }), /^unknown: 4000787030016 of 8001574060032 bytes were written/],
    [overwritten(0, { bytesWritten: null }), /^unknown: 0 of 4000787030016 bytes were written/],
    [overwritten(0, { ended: null }), /^unknown: the erase has no end/],
    [
      overwritten(0, { unwritten: { bytes: 512, ranges: [{ from: 0, to: 512 }] } }),
      /^failed: 512 bytes could not be written/,
    ],
    [overwritten(0, { hiddenArea: { state: 'not restored', before: null } }), /^failed: a hidden area/],
    [overwritten(0, { levelAsked: 'purge' }), /^failed: purge was asked for, clear was reached/],
    [overwritten(0, { levelReached: 'purge' }), /^failed: overwrite cannot reach the level purge/],
    [overwritten(0, { levelReached: 'none' }), /^failed: no level was reached/],
    [overwritten(0, { method: null }), /^failed: no erase was begun/],
    [sanitized(0, { endState: null }), /^unknown: the drive has not stated that it is done/],
    [sanitized(0, { endState: { state: 'unknown', evidence: {} } }), /^unknown: the drive has not stated/],
    [
      sanitized(0, { endState: { state: 'failed', evidence: {} } }),
      /^failed: the drive says that its erase failed/,
    ],
    [sanitized(0, { endState: { state: 'rejected', evidence: {} } }), /^failed: the drive refused/],
    [read(sanitized(), { canariesChecked: 63 }), /^unknown: only 63 canaries were looked for, 64 are needed/],
    [
      sanitized(0, { method: 'nvme-format-crypto', levelReached: 'possible purge' }),
      /^unknown: purge was asked for, and only the maker/,
    ],
    [overwritten(0, { verdict: 'unknown', reason: 'it was cancelled' }), /^unknown: it was cancelled$/],
    [overwritten(0, { verdict: 'failed' }), /^failed: no reason was given$/],
  ]
  for (const [disk, pattern] of cases) assert.match(judged(disk), pattern)
  // The same disks without the one change.
  for (const disk of [overwritten(), sanitized(), sanitized(0, { levelAsked: 'clear' })])
    assert.is(judged(disk), 'passed')
  assert.is(
    judged(
      sanitized(0, { levelAsked: 'clear', method: 'nvme-format-crypto', levelReached: 'possible purge' }),
    ),
    'passed',
  )
})

test('signatures only: never passed, and said in words', () => {
  const certificate = certificateOf(quick())
  assert.is(certificate.verdict, 'failed')
  assert.match(
    certificate.disks[0]?.reason ?? '',
    /^NOT AN ERASURE: only partition tables and signatures were removed/,
  )
  assert.match(certificate.disks[0]?.standard ?? '', /^NOT AN ERASURE: .* the data is still on the disk/)
  const page = certificateHtml(certificate)
  assert.match(page, 'NOT AN ERASURE')
  assert.not.match(page, /\berased\b/i)
})

test('erased stands on no page of a disk that is not', () => {
  const bad = [
    overwritten(0, { verification: null }),
    overwritten(1, { unwritten: { bytes: 512, ranges: [{ from: 0, to: 512 }] } }),
    sanitized(2, { endState: null }),
  ]
  for (const disk of bad) assert.not.match(certificateHtml(certificateOf(disk)), /\berased\b/i)
  assert.not.match(certificateHtml(makeCertificate(input([]))), /\berased\b/i)
  assert.match(certificateHtml(certificateOf(overwritten())), /\bERASED\b/)
  const [cover = '', good = '', other = ''] = certificateHtml(
    certificateOf(overwritten(), sanitized(1, { endState: null })),
  )
    .split('<section')
    .slice(1)
  assert.match(cover, 'ERASURE NOT PROVED')
  assert.match(good, /\bERASED\b/)
  assert.not.match(other, /\berased\b/i)
})

test('the whole: refused, unseen and missing disks count', () => {
  const whole = (change: Parameters<typeof input>[1], disks = [overwritten()]) => {
    const { verdict, reason } = makeCertificate(input(disks, change))
    return `${verdict}: ${reason}`
  }
  const device = overwritten(9).device
  const left = (why: 'refused' | 'excluded' | 'not selected') => ({
    leftAlone: [{ device, why, reason: 'in use' }],
  })
  assert.is(whole({}), 'passed: undefined')
  assert.is(whole(left('excluded')), 'passed: undefined')
  assert.is(whole(left('refused')), 'failed: 1 that was asked for left alone')
  assert.is(whole({ unseen: ['no driver for 0000:01:00.0'] }), 'unknown: not every drive may have been seen')
  assert.is(whole({ unseen: ['no driver for 0000:01:00.0'], scope: 'selected' }), 'passed: undefined')
  assert.is(whole({}, []), 'unknown: there was no disk to erase')
  assert.is(
    whole({}, [overwritten(), sanitized(1, { endState: null }), quick(2)]),
    'failed: 1 of 3 disks failed; 1 of 3 disks could not be proved',
  )
})

test('every method has a level, and the certificate of it checks', () => {
  for (const method of METHOD_NAMES) {
    const level = highestLevel(method)
    assert.is.not(level, 'none', method)
    const make = method === 'overwrite' ? overwritten : sanitized
    const certificate = certificateOf(make(0, { method, levelAsked: level, levelReached: level }))
    assert.is(certificate.verdict, 'passed', method)
    assert.is(checkCertificate(certificate).erasure, 'passed', method)
  }
})

test('the document is pure JSON of its schema, the same for the same input, and its lists are short', () => {
  const ranges = Array.from({ length: 500 }, (_, i) => ({ from: i * 1024, to: i * 1024 + 512 }))
  const worse = known({ ...HEALTH, pending: 5 }, 'smartctl')
  const disk = overwritten(0, {
    unwritten: { bytes: 256_000, ranges },
    errors: ranges.map(({ from }) => `write error at ${from}`),
    smart: { before: known(HEALTH, 'smartctl'), after: worse },
  })
  const certificate = certificateOf(disk)
  assert.equal(JSON.parse(JSON.stringify(certificate)), certificate)
  assert.equal(certificateSchema.parse(certificate), certificate)
  assert.is(canonicalJson(certificate), canonicalJson(certificateOf(disk)))
  const [only] = certificate.disks
  assert.equal([only?.unwritten.count, only?.unwritten.first.length], [500, 20])
  assert.equal([only?.errors.count, only?.errors.first.length], [500, 20])
  assert.match(only?.smart.difference.join() ?? '', /^5 pending sectors/)
  assert.type(z.toJSONSchema(certificateSchema), 'object')
})

test('canonical JSON: the vectors of RFC 8785', () => {
  // Section 3.2.2 and 3.2.3.
  const sample = JSON.parse(
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
  )
  assert.is(
    canonicalJson(sample),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  )
  const keys = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 }
  assert.equal([...canonicalJson(keys).matchAll(/:(\d)/g)].map(([, n]) => n).join(''), '2467153')
  assert.is(canonicalJson([-0, 1e21, 5e-324, undefined === null]), '[0,1e+21,5e-324,false]')
  assert.is(canonicalJson({ b: undefined, a: {} }), '{"a":{}}')
  for (const bad of [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1n,
    () => 1,
    '\ud800',
    { a: '\udc00' },
    { '\ud800': 1 },
    [undefined],
  ])
    assert.throws(() => canonicalJson(bad), /JSON cannot hold/)
})

test('canonical JSON: one text whatever the order of members, and one that reads as the same', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const text = canonicalJson(value)
      assert.is(canonicalJson(JSON.parse(text)), text)
      assert.is(canonicalJson(reversed(value)), text)
      assert.equal(JSON.parse(text), JSON.parse(JSON.stringify(value)))
    }),
  )
})

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  )
}

test('words of sizes and times', () => {
  assert.equal([0, 999, 1000, 999_499, 999_500, 4_000_787_030_016, 12e15].map(sizeWords), [
    '0 B',
    '999 B',
    '1.00 kB',
    '999 kB',
    '1.00 MB',
    '4.00 TB',
    '12.0 PB',
  ])
  assert.equal([0, 512, 4_000_787_030_016].map(exactBytes), [
    '0 bytes',
    '512 bytes',
    '4,000,787,030,016 bytes',
  ])
  assert.equal([9.54, 59, 60, 22_211, 93_784].map(durationWords), [
    '9.5 s',
    '59 s',
    '00:01:00',
    '06:10:11',
    '1 d 02:03:04',
  ])
})

test.run()
