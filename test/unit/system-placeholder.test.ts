import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { firstKnown, known, unknown } from '../../src/system/finding.ts'
import { isPlaceholder, printable, statedText, statedUuid } from '../../src/system/placeholder.ts'

for (const text of [
  'To Be Filled By O.E.M.',
  'To be filled by O.E.M',
  'Default string',
  'System Serial Number',
  '0123456789',
  '123456789',
  '0000000000',
  'FFFFFFFF',
  'XXXXXXXX',
  '........',
  'N/A',
  'None',
  'Not Specified',
  'Unknown',
  'NO DIMM',
  'Chassis Serial Number',
  'SerNum3',
  'PartNum0',
  'DIMM_A1_AssetTag',
]) {
  test(`no value: ${text}`, () => assert.ok(isPlaceholder(text)))
}

for (const text of [
  '7F3K2Q1',
  'CZ20010001',
  'S4EVNX0R123456',
  'WD-WCC7K0123456',
  '0001',
  '1',
  'A',
  'Rev 2',
  'PowerEdge R740',
  'M393A2K43DB3-CWE',
  '12345678901',
  'None of your business',
]) {
  test(`a value: ${text}`, () => assert.not.ok(isPlaceholder(text)))
}

test('a placeholder keeps what was said', () => {
  assert.equal(statedText('Default string ', 'serial', 'here'), {
    status: 'unknown',
    reason: '"Default string" is a placeholder, not a serial',
    sources: ['here'],
    raw: 'Default string',
  })
})

test('no text, and text of blanks and control characters', () => {
  assert.is(statedText(undefined, 'serial').status, 'unknown')
  assert.is(statedText(' \0\0 ', 'serial').status, 'unknown')
  assert.equal(statedText('AB\u001b[2JC\u0007', 'serial'), known('AB [2JC'))
  assert.is(printable('  a\u0000b  \ufffd '), 'a b')
})

for (const uuid of [
  '00000000-0000-0000-0000-000000000000',
  'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF',
  '03000200-0400-0500-0006-000700080009',
  '00020003-0004-0005-0006-000700080009',
  'not a uuid',
  '',
]) {
  test(`a UUID that names no machine: ${uuid}`, () => assert.is(statedUuid(uuid).status, 'unknown'))
}

test('a UUID that names one', () => {
  assert.equal(
    statedUuid('4C4C4544-0046-3310-804B-B7C04F325131'),
    known('4c4c4544-0046-3310-804b-b7c04f325131'),
  )
})

test('of several findings the first known one; else every reason', () => {
  assert.equal(firstKnown([unknown('a', '1'), known(5, '2'), known(6, '3')]), known(5, '2'))
  assert.equal(firstKnown([unknown('a', '1'), unknown('b', '2')]), unknown('a; b', '1', '2'))
  assert.is(firstKnown([]).status, 'unknown')
})

test.run()
