import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DeliveryError, FinalDeliveryError } from '../../src/root/deliver/errors.ts'
import { pauseAfter, withRetries } from '../../src/root/deliver/retry.ts'
import { openSource } from '../../src/root/deliver/source.ts'
import { systemClock } from '../../src/system/clock.ts'
import { createHttp } from '../../src/system/http.ts'
import { createHttpStream } from '../../src/system/http-stream.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { temporaryDir } from './helpers/temporary.ts'

const root = createMachineRoot(temporaryDir())
const pace = { firstWait: 1000, longestWait: 30_000, limit: 10_000 }

test('a pause doubles with each attempt that brought nothing, up to the longest one', () => {
  for (let fruitless = 1; fruitless < 12; fruitless += 1) {
    const wait = pauseAfter(fruitless, pace)
    const least = Math.min(30_000, 1000 * 2 ** (fruitless - 1))
    assert.ok(wait >= least && wait <= Math.min(30_000, 2 * least), `${fruitless}: ${wait}`)
  }
})

/** Attempts that fail until there were so many: the pauses between them, in milliseconds, and what was said. */
async function attempts(count: number, brings: (attempt: number) => number) {
  let made = 0
  let here = 0
  const said: string[] = []
  const pauses: number[] = []
  await withRetries(
    async () => {
      made += 1
      here += brings(made)
      if (made < count) throw new DeliveryError('cut off')
    },
    {
      ...{ signal: new AbortController().signal, clock: systemClock, pace },
      ...{ progressed: () => {}, lastProgress: () => systemClock.monotonic(), brought: () => here },
      pause: async (milliseconds) => void pauses.push(milliseconds),
      say: (text) => said.push(text),
    },
  )
  return { said, pauses }
}

test('an address from which nothing has come at all is given up sooner', async () => {
  const until = async (brought: () => number) => {
    let now = 0
    let made = 0
    const clock = { ...systemClock, monotonic: () => now }
    await withRetries(
      async () => {
        made += 1
        throw new DeliveryError('refused')
      },
      {
        ...{
          signal: new AbortController().signal,
          clock,
          pace: { ...pace, limit: 600_000, firstLimit: 60_000 },
        },
        ...{ progressed: () => {}, lastProgress: () => 0, brought },
        pause: async (milliseconds) => {
          now += milliseconds
        },
      },
    ).catch(() => {})
    return [now, made]
  }
  const [never = 0, tries = 0] = await until(() => 0)
  assert.ok(never >= 60_000 && never <= 91_000 && tries >= 4, `${never} ${tries}`)
  const [once = 0] = await until(() => 1)
  assert.ok(once >= 600_000, `${once}`)
})

test('an attempt that brought something makes the next pause short again', async () => {
  const progressing = await attempts(10, () => 1)
  assert.is(progressing.pauses.length, 9)
  assert.ok(
    progressing.pauses.every((pause) => pause >= 1000 && pause <= 2000),
    progressing.pauses.join(),
  )
  // Control: without, they grow.
  const fruitless = await attempts(10, () => 0)
  assert.ok((fruitless.pauses[4] ?? 0) >= 16_000, fruitless.pauses.join())
  const once = await attempts(6, (attempt) => (attempt === 4 ? 1 : 0))
  assert.ok((once.pauses[2] ?? 0) >= 4000, once.pauses.join())
  assert.ok((once.pauses[3] ?? 0) <= 2000, once.pauses.join())
  assert.ok((once.pauses[4] ?? 0) >= 2000, once.pauses.join())
})

test('each attempt is told with the pause before it, a reason that stays the same once', async () => {
  const { said, pauses } = await attempts(6, () => 0)
  const seconds = pauses.map((pause) => Math.round(pause / 1000))
  assert.is(said[0], `cut off; attempt 2 in ${seconds[0]} s`)
  assert.is(said[1], `the same again; attempt 3 in ${seconds[1]} s`)
  assert.is(new Set(said).size, 5)
})

test('what took long before the first attempt is no reason to give up', async () => {
  let now = 3_600_000
  let made = 0
  const clock = { ...systemClock, monotonic: () => now }
  await withRetries(
    async () => {
      made += 1
      if (made < 3) throw new DeliveryError('reset')
    },
    {
      ...{ signal: new AbortController().signal, clock, pace: { ...pace, limit: 600_000 } },
      ...{ progressed: () => {}, lastProgress: () => 0, brought: () => 1 },
      pause: async (milliseconds) => {
        now += milliseconds
      },
    },
  )
  assert.is(made, 3)
})

test('what is final is not tried again, and the signal ends a pause', async () => {
  const stop = new AbortController()
  const deps = {
    ...{ signal: stop.signal, clock: systemClock, pace: { ...pace, limit: 600_000 } },
    ...{ progressed: () => {}, lastProgress: () => systemClock.monotonic() },
  }
  let made = 0
  const fail = (error: Error) => () => {
    made += 1
    return Promise.reject(error)
  }
  const caught = (act: Promise<unknown>) => act.catch((error: unknown) => error)
  const final = new FinalDeliveryError('no')
  assert.is(await caught(withRetries(fail(final), deps)), final)
  assert.is(made, 1)
  const reason = new Error('stop')
  const say = () => void setTimeout(() => stop.abort(reason), 10)
  assert.is(await caught(withRetries(fail(new DeliveryError('cut')), { ...deps, say })), reason)
  assert.is(made, 2)
})

test('a server that takes the connection and says nothing: that is told while it is waited for', async () => {
  const silent = createTcpServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const talking = createServer((_, response) => response.end('{}'))
  await new Promise<void>((resolve) => talking.listen(0, '127.0.0.1', resolve))
  const stop = new AbortController()
  const said: string[] = []
  const beside = (server: { address(): unknown }) => {
    const say = (text: string) => {
      if (said.push(text) === 3) stop.abort(new Error('enough'))
    }
    const deps = { http: createHttp(root), stream: createHttpStream(root), signal: stop.signal }
    const { port } = server.address() as AddressInfo
    return openSource(`http://127.0.0.1:${port}/a.img`, { ...deps, say, beat: 50 }).beside('.json')
  }
  try {
    // Control: one that has answered is not spoken of any more.
    assert.is(Buffer.from((await beside(talking)) ?? '').toString(), '{}')
    said.length = 0
    await new Promise((resolve) => setTimeout(resolve, 120))
    assert.equal(said, [])
    const error = await beside(silent).catch((thrown: unknown) => thrown)
    assert.is((error as Error).message, 'enough')
    assert.is(said.length, 3)
    assert.match(said[1] ?? '', /a\.img\.json: not whole after 0\.1 s; it is waited for up to 300 s$/)
  } finally {
    silent.close()
    talking.closeAllConnections()
    talking.close()
  }
})

test.run()
