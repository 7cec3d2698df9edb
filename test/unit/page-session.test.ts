import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createPump } from '../../src/live/page/pump.ts'
import { createSession } from '../../src/live/page/session.ts'
import type { Event } from '../../src/runtime/events.ts'
import { FakeSocket, greeting, lastSocket } from './helpers/fake-socket.ts'
import { log, numbered } from './helpers/page-events.ts'

const ALL = { level: 'everything', text: '' } as const
const lines = (events: readonly Event[]) => events.map((event) => JSON.stringify(event)).join('\n')

/** A session of which the test says when it goes on. */
function begin(answer: () => Promise<Response> = async () => new Response('', { status: 404 })) {
  FakeSocket.all = []
  const due: (() => void)[] = []
  const session = createSession(
    'http://h:7373',
    {
      WebSocket: FakeSocket as unknown as typeof WebSocket,
      fetch: answer as unknown as typeof fetch,
      random: () => 0,
      later: (act) => due.push(act),
    },
    () => {},
  )
  session.start('token')
  const settle = () => {
    for (let act = due.shift(); act !== undefined; act = due.shift()) act()
  }
  const texts = () => session.shown.log.lines(ALL, 100).map(({ text }) => text)
  return { session, settle, texts }
}

test('events come in chunks of any shape, and each counts once', () => {
  const { session, settle, texts } = begin()
  const events = numbered([log('a'), log('b'), log('c')])
  lastSocket().say(greeting({ last: 3 }))
  lastSocket().say(`${lines(events.slice(0, 2))}\n`)
  lastSocket().say(`\n${lines(events.slice(1))}\n\nhalf a line\n`)
  settle()
  assert.equal(texts(), ['a', 'b', 'c'])
  assert.equal([session.shown.view.last, session.shown.view.missing], [3, 0])
  session.close()
})

test('what still waits to be taken when the connection breaks is not taken twice', () => {
  const { session, settle, texts } = begin()
  const events = numbered([log('a'), log('b')])
  lastSocket().say(greeting({ last: 2 }))
  lastSocket().say(lines(events))
  lastSocket().end()
  session.hurry()
  assert.is(lastSocket().since, '0')
  lastSocket().say(greeting({ last: 2 }))
  lastSocket().say(lines(events))
  settle()
  assert.equal(texts(), ['a', 'b'])
  session.close()
})

for (const [what, over, words] of [
  ['another boot', { boot_id: 'b2', last: 9 }, /booted anew/],
  ['another host', { host: 'other', last: 9 }, /Another host answers.+other instead of h/],
  ['a file that was cut back', { last: 1 }, /cut back after event 1/],
] as const) {
  test(`${what}: the log begins anew, and that is said`, () => {
    const { session, settle, texts } = begin()
    lastSocket().say(greeting({ last: 2 }))
    lastSocket().say(lines(numbered([log('old 1'), log('old 2')])))
    settle()
    lastSocket().end()
    session.hurry()
    assert.is(lastSocket().since, '2')
    lastSocket().say(greeting(over))
    assert.is(lastSocket().since, '0')
    assert.match(session.shown.notice ?? '', words)
    lastSocket().say(greeting(over))
    lastSocket().say(lines(numbered([log('new 1')])))
    settle()
    assert.equal(texts(), ['new 1'])
    assert.is(session.shown.link.name, 'live')
    session.forgetNotice()
    assert.is(session.shown.notice, undefined)
    session.close()
  })
}

test('negative control: the same boot goes on', () => {
  const { session, settle } = begin()
  lastSocket().say(greeting({ last: 1 }))
  lastSocket().say(lines(numbered([log('a')])))
  settle()
  lastSocket().end()
  session.hurry()
  lastSocket().say(greeting({ last: 1 }))
  assert.equal([session.shown.notice, session.shown.view.last, FakeSocket.all.length], [undefined, 1, 2])
  session.close()
})

test('the report is fetched when the job has ended, also when it is not there at once', async () => {
  const answers = [404, 404, 200]
  const report = { schema: 'speediso.report/1', tasks: [] }
  const { session, settle } = begin(async () => {
    const status = answers.shift() ?? 500
    return new Response(status === 200 ? JSON.stringify(report) : '', { status })
  })
  lastSocket().say(greeting({ last: 1 }))
  lastSocket().say(lines(numbered([{ kind: 'job.end', verdict: 'passed', after: 'stay' }])))
  settle()
  assert.is(session.shown.report.name, 'loading')
  while (session.shown.report.name === 'loading') await new Promise((resolve) => setTimeout(resolve, 20))
  assert.is(session.shown.report.name, 'there')
  session.close()
})

test('a long message leaves time for others: it is taken in slices', () => {
  const due: (() => void)[] = []
  let taken = 0
  let slices = 0
  const pump = createPump(
    () => {
      // Long enough that no slice holds them all, whatever the machine.
      for (const end = performance.now() + 1; performance.now() < end; );
      taken += 1
    },
    () => {
      slices += 1
    },
    (act) => due.push(act),
  )
  pump.push(lines(numbered(Array.from({ length: 100 }, (_, i) => log(`${i}`)))))
  assert.is(taken, 0)
  due.shift()?.()
  assert.ok(taken > 0 && taken < 100, `${taken} in the first slice`)
  assert.ok(pump.behind)
  for (let act = due.shift(); act !== undefined; act = due.shift()) act()
  assert.is(taken, 100)
  assert.ok(slices > 1)
  assert.not.ok(pump.behind)
})

test.run()
