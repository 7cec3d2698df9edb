import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { printable } from '../../src/printable.ts'

test('what moves the cursor, or turns around what follows, is spelled out; everything else stays', () => {
  assert.is(printable('a\x1b[2J\rb\tc\x7f'), 'a\\x1b[2J\\x0db\tc\\x7f')
  assert.is(printable('gnp\u202egpj.exe'), 'gnp\\u202egpj.exe')
  assert.is(printable('Größe 5 µs → ok'), 'Größe 5 µs → ok')
})

test.run()
