import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseCommandLine, sameName } from '../../src/job/cmdline.ts'

const pairs = (text: string) => parseCommandLine(text).map(({ name, value }) => [name, value])

const table: [title: string, text: string, expected: [string, string | undefined][]][] = [
  ['nothing', '', []],
  ['only space', ' \t\n ', []],
  ['a flag', 'quiet', [['quiet', undefined]]],
  ['a value', 'a=b', [['a', 'b']]],
  ['an empty value', 'a=', [['a', '']]],
  ['a value with =', 'root=UUID=1-2', [['root', 'UUID=1-2']]],
  [
    'repeats are kept',
    'console=tty0 console=ttyS0',
    [
      ['console', 'tty0'],
      ['console', 'ttyS0'],
    ],
  ],
  [
    'quotes around the value',
    'a="b c" d',
    [
      ['a', 'b c'],
      ['d', undefined],
    ],
  ],
  [
    'quotes around the word',
    '"a=b c" d',
    [
      ['a', 'b c'],
      ['d', undefined],
    ],
  ],
  ['single quotes', "a='b \"c'", [['a', 'b "c']]],
  ['quotes in the middle', 'a=b" "c', [['a', 'b c']]],
  ['a quote never closed', 'a="b c', [['a', 'b c']]],
  ['a lone quote', '"', [['', undefined]]],
  [
    'a backslash is a character',
    'a=b\\ c',
    [
      ['a', 'b\\'],
      ['c', undefined],
    ],
  ],
  ['-- ends it', 'a=1 -- SPEEDISO=wipe', [['a', '1']]],
  [
    '--x does not',
    'a --x',
    [
      ['a', undefined],
      ['--x', undefined],
    ],
  ],
  ['final newline of /proc/cmdline', 'a=1\n', [['a', '1']]],
]
for (const [title, text, expected] of table) {
  test(title, () => assert.equal(pairs(text), expected))
}

test('the raw word keeps its quotes', () => {
  assert.equal(parseCommandLine('x a="b c" y')[1]?.raw, 'a="b c"')
})

test('never throws, and no value holds a separator that was not quoted', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      for (const { value, raw } of parseCommandLine(text)) {
        assert.ok(text.includes(raw))
        if (value !== undefined && /\s/.test(value)) assert.match(raw, /["']/)
      }
    }),
    { numRuns: 2000 },
  )
})

test('words that need no quotes come back as they went in', () => {
  const word = fc.stringMatching(/^[a-z._-]{1,10}=[A-Za-z0-9:/.,_-]{0,20}$/)
  fc.assert(
    fc.property(fc.array(word), fc.constantFrom(' ', '\t', '  ', '\n'), (words, space) => {
      assert.equal(
        parseCommandLine(words.join(space)).map(({ raw }) => raw),
        words,
      )
    }),
  )
})

test('any value survives quoting', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (value) => {
      const quote = value.includes('"') ? "'" : '"'
      if (value.includes(quote)) return
      assert.equal(pairs(`a=${quote}${value}${quote} b`), [
        ['a', value],
        ['b', undefined],
      ])
    }),
  )
})

test('- and _ are the same in names', () => {
  assert.ok(sameName('speediso.after-failure', 'speediso.after_failure'))
  assert.not.ok(sameName('speediso.after', 'speediso.log'))
})

test.run()
