import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createSerialReader } from '../vm/harness/serial.ts'

const reader = () => createSerialReader((what, why) => new Error(`${what}: ${why}`))
const bytes = (text: string) => new TextEncoder().encode(text)
const message = (promise: Promise<unknown>) =>
  promise.then(
    () => 'it came',
    (error: Error) => error.message,
  )

test('lines are the same however the bytes are split', () => {
  const text = 'SeaBIOS\r\n\x1b[2J\x1b[!p\x1b[32766;32766H\x1b[1;31mred\x1b[0m ünïcode 漢\r\n\ttabbed\nlast'
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes(text).length }), { maxLength: 12 }), (cuts) => {
      const serial = reader()
      const all = bytes(text)
      let from = 0
      for (const cut of [...cuts.sort((a, b) => a - b), all.length]) {
        serial.feed(all.subarray(from, cut))
        from = cut
      }
      assert.equal(serial.lines.items, ['SeaBIOS', 'red ünïcode 漢', '\ttabbed'])
    }),
  )
})

test('a wait is satisfied by a line that came before', async () => {
  const serial = reader()
  serial.feed(bytes('one\ntwo\n'))
  assert.is(await serial.waitFor('tw'), 'two')
})

test('a wait is satisfied by a line to come, split over chunks', async () => {
  const serial = reader()
  const wait = serial.waitFor(/^login: ready$/)
  for (const part of ['log', 'in: re', 'ady\r', '\n']) serial.feed(bytes(part))
  assert.is(await wait, 'login: ready')
})

test('a prompt without a line break is seen, early and late', async () => {
  const serial = reader()
  const early = serial.waitFor('login: ', { unfinished: true })
  serial.feed(bytes('host log'))
  serial.feed(bytes('in: '))
  assert.is(await early, 'host login: ')
  assert.is(await serial.waitFor(/login: $/, { unfinished: true }), 'host login: ')
  assert.equal(serial.lines.items, [])
})

test('otherwise only a whole line counts, or the last one of a machine that ended', async () => {
  const serial = reader()
  const wait = serial.waitFor(/port (\d+)/)
  for (const part of ['port 2', '2', '\nport 3']) serial.feed(bytes(part))
  assert.is(await wait, 'port 22')
  assert.is(
    await message(serial.waitFor('port 3', { limit: 10 })),
    '"port 3" on the serial console: not within 0.01 s',
  )
  const last = serial.waitFor('port 3')
  serial.end('the machine ended')
  assert.is(await last, 'port 3')
})

test('since: what came before it does not count', async () => {
  const serial = reader()
  serial.feed(bytes('boot 1\n'))
  const wait = serial.waitFor(/boot/, { since: serial.lines.items.length })
  serial.feed(bytes('boot 2\n'))
  assert.is(await wait, 'boot 2')
})

test('a global pattern is as good as another', async () => {
  const serial = reader()
  serial.feed(bytes('abc\n'))
  const pattern = /abc/g
  assert.is(await serial.waitFor(pattern), 'abc')
  assert.is(await serial.waitFor(pattern), 'abc')
})

test('what never comes ends at the limit', async () => {
  const serial = reader()
  serial.feed(bytes('something else\n'))
  assert.is(
    await message(serial.waitFor('it', { limit: 20 })),
    '"it" on the serial console: not within 0.02 s',
  )
})

test('what never comes ends with the machine; what has come is still found', async () => {
  const serial = reader()
  serial.feed(bytes('here\n'))
  const wait = message(serial.waitFor('it'))
  serial.end('the machine ended')
  assert.is(await wait, '"it" on the serial console: the machine ended')
  assert.is(await message(serial.waitFor('it')), '"it" on the serial console: the machine ended')
  assert.is(await serial.waitFor('here'), 'here')
})

test('an abort ends the wait with its own reason', async () => {
  const serial = reader()
  const abort = new AbortController()
  const wait = message(serial.waitFor('it', { signal: abort.signal }))
  abort.abort(new Error('enough'))
  assert.is(await wait, 'enough')
  assert.is(await message(serial.waitFor('it', { signal: abort.signal })), 'enough')
})

test.run()
