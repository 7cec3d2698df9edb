import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { confirmedBy } from '../../src/job/confirm.ts'
import { formatDuration, parseDuration } from '../../src/job/duration.ts'
import { nearest } from '../../src/job/nearest.ts'

const durations: [string, number][] = [
  ['500ms', 500],
  ['90s', 90_000],
  ['15m', 900_000],
  ['1h30m', 5_400_000],
  ['24h', 86_400_000],
  ['2d', 172_800_000],
]
for (const [text, ms] of durations) {
  test(`duration ${text}`, () => {
    assert.is(parseDuration(text), ms)
    assert.is(parseDuration(formatDuration(ms)), ms)
  })
}
for (const text of ['', '90', 's', '1.5h', '-1s', '0s', '1h 30m', '99999d', '1w', '1H']) {
  test(`no duration: "${text}"`, () =>
    assert.throws(() => parseDuration(text), /write one|write 90s|no time|too long/))
}
test('property: whole seconds survive writing and reading', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000_000 }),
      (s) => parseDuration(formatDuration(s * 1000)) === s * 1000,
    ),
  )
})

test('the nearest spelling', () => {
  const known = ['inventory', 'wipe', 'rescue']
  assert.is(nearest('inventroy', known), 'inventory')
  assert.is(nearest('WIPE', known), 'wipe')
  assert.is(nearest('wpie', known), 'wipe')
  assert.is(nearest('xyzzy', known), undefined)
  assert.is(nearest('anything', []), undefined)
})

const machine = {
  macs: ['52:54:00:12:34:56'],
  serial: 'SN-0001',
  uuid: '4c4c4544-0042-3510-8053-b4c04f4d3332',
}
const confirmed: [given: string[], by: string | undefined][] = [
  [[], undefined],
  [['52:54:00:12:34:56'], '52:54:00:12:34:56'],
  [['01-52-54-00-12-34-56'], '01-52-54-00-12-34-56'],
  [['525400123456'], '525400123456'],
  [['SN-0001'], 'SN-0001'],
  [['sn-0001'], undefined],
  [['4C4C4544-0042-3510-8053-B4C04F4D3332'], '4C4C4544-0042-3510-8053-B4C04F4D3332'],
  [['other', 'SN-0001'], 'SN-0001'],
  [['52:54:00:12:34:57'], undefined],
  [['SN-00'], undefined],
  [['yes', '*', 'all', ''], undefined],
]
for (const [given, by] of confirmed) {
  test(`confirmation by "${given.join(',')}"`, () => assert.is(confirmedBy(given, machine), by))
}
test('a machine without names is confirmed by nothing', () => {
  for (const name of ['', 'undefined', '52:54:00:12:34:56']) {
    assert.is(confirmedBy([name], { macs: [], serial: '', uuid: '' }), undefined)
    assert.is(confirmedBy([name], { macs: [] }), undefined)
  }
})

test.run()
