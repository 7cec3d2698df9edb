import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LogStore, lineOf } from '../../src/live/page/model/log-store.ts'
import type { EventBody } from '../../src/runtime/events.ts'
import { log, numbered } from './helpers/page-events.ts'

const ALL = { level: 'everything', text: '' } as const

function storeOf(bodies: readonly EventBody[], limit = 100): LogStore {
  const store = new LogStore(limit)
  for (const event of numbered(bodies)) store.add(event)
  return store
}

const texts = (store: LogStore, ...args: Parameters<LogStore['lines']>) =>
  store.lines(...args).map(({ text }) => text)

test('a line has time, level and the words that every log has', () => {
  const [event] = numbered([log('hot', 'warning')])
  assert.equal(event && lineOf(event), { seq: 1, time: '03:00:01', level: 'warning', text: 'warning: hot' })
})

test('a verdict has the level of its weight', () => {
  const level = (verdict: 'passed' | 'failed' | 'unknown') => {
    const [event] = numbered([{ kind: 'task.end', task: 'a', verdict, seconds: 1 }])
    return event && lineOf(event).level
  }
  assert.equal([level('passed'), level('unknown'), level('failed')], ['info', 'warning', 'error'])
})

test('a line of a megabyte is cut, and says so', () => {
  const [event] = numbered([log('x'.repeat(1e6))])
  const { text } = lineOf(event as NonNullable<typeof event>)
  assert.ok(text.length < 5000)
  assert.match(text, /996000 characters more/)
})

test('levels come out in order, filtered by level and text', () => {
  const store = storeOf([log('One', 'debug'), log('two'), log('three', 'error'), log('four', 'warning')])
  assert.equal(texts(store, ALL, 10), ['debug: One', 'two', 'error: three', 'warning: four'])
  assert.equal(texts(store, { level: 'warning', text: '' }, 10), ['error: three', 'warning: four'])
  assert.equal(texts(store, { level: 'everything', text: ' ONE ' }, 10), ['debug: One'])
  assert.equal(texts(store, { level: 'everything', text: '.*' }, 10), [])
})

test('the newest within a limit, and between two numbers', () => {
  const store = storeOf(Array.from({ length: 9 }, (_, i) => log(`${i + 1}`, i % 2 ? 'info' : 'error')))
  assert.equal(
    store.lines(ALL, 3).map(({ seq }) => seq),
    [7, 8, 9],
  )
  assert.equal(
    store.lines(ALL, 9, { after: 2, until: 5 }).map(({ seq }) => seq),
    [3, 4, 5],
  )
})

test('a flood of one level does not wash away another', () => {
  const flood = Array.from({ length: 1000 }, (_, i) => log(`${i}`))
  const store = storeOf([log('early', 'error'), ...flood], 10)
  assert.equal(texts(store, { level: 'error', text: '' }, 10), ['error: early'])
  assert.equal(texts(store, ALL, 100).length, 11)
  assert.is(store.dropped('info'), 990)
  assert.is(store.dropped('error'), 0)
  store.clear()
  assert.equal([store.lines(ALL, 10), store.dropped('info')], [[], 0])
})

test.run()
