import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Figure, median } from './figure.ts'
import type { Load, LoadResult, ServerAddress, Viewed, Viewing } from './live/messages.ts'

const VIEWERS = 200
/** Processes of viewers: what they need must not be missing to the server. */
const VIEWER_PROCESSES = 2
const RATE = 2000
const SECONDS = 10
const REPLAYED = 1_000_000
const REPLAYS = 3
/** About what a line of a tool's output takes. */
const TEXT = 'x'.repeat(100)

type Seen = Extract<Viewed, { events: number }>

/** Viewers at the tail, the replay of a long log, and how soon an event is seen; each part in processes of its own. */
export async function liveFigures(): Promise<Figure[]> {
  return [...(await crowdFigures()), ...(await replayFigures()), ...(await latencyFigures())]
}

async function crowdFigures(): Promise<Figure[]> {
  const one = await crowd(1, 1)
  const many = await crowd(VIEWERS, VIEWER_PROCESSES)
  const load = `${VIEWERS} viewers at ${RATE} events/s`
  const peer = 'the same with 1 viewer'
  return [
    {
      figure: `live: ${load}, events delivered without a gap`,
      value: many.events,
      unit: 'events',
      peer,
      peerValue: one.events,
    },
    {
      figure: `live: ${load}, events/s really said`,
      value: many.load.rate,
      unit: 'events/s',
      peer,
      peerValue: one.load.rate,
    },
    {
      figure: `live: ${load}, cores of the server`,
      value: many.load.cores,
      unit: 'cores',
      peer,
      peerValue: one.load.cores,
      limit: { value: 1 },
    },
    {
      figure: `live: ${load}, growth of the server's memory`,
      value: many.load.rssGrowth / 1e6,
      unit: 'MB',
      peer,
      peerValue: one.load.rssGrowth / 1e6,
      limit: { value: 100 },
    },
  ]
}

/** Viewers that all follow a flood of events; fails when one misses one. */
async function crowd(viewers: number, processes: number): Promise<{ events: number; load: LoadResult }> {
  await using bench = await startBench()
  const crowds = await Promise.all(
    Array.from({ length: processes }, () =>
      bench.view({ do: 'count', port: bench.ports.live, viewers: viewers / processes }),
    ),
  )
  const load = await bench.load({ rate: RATE, seconds: SECONDS, text: TEXT, to: 'log' })
  const seen = await Promise.all(
    crowds.map(async (child) => {
      // One that has ended, because it missed an event, is told by the wait.
      child.send({ until: load.last }, () => {})
      return nextMessage<Seen>(child)
    }),
  )
  const events = seen.reduce((sum, each) => sum + each.events, 0)
  if (events !== load.last * viewers)
    throw new Error(`${events} events arrived, and ${load.last * viewers} were to`)
  return { events, load }
}

async function replayFigures(): Promise<Figure[]> {
  await using bench = await startBench(REPLAYED)
  const own: Seen[] = []
  const plain: Seen[] = []
  for (let round = 0; round < REPLAYS; round += 1) {
    const { live } = bench.ports
    const viewer = await bench.view({ do: 'count', port: live, viewers: 1, until: REPLAYED })
    own.push(await nextMessage<Seen>(viewer))
    const reader = await bench.start()
    reader.send({ do: 'fetch', port: bench.ports.plain } satisfies Viewing)
    plain.push(await nextMessage<Seen>(reader))
  }
  for (const { events } of [...own, ...plain])
    if (events !== REPLAYED) throw new Error(`${events} of ${REPLAYED} events arrived`)
  const middle = (of: (seen: Seen) => number) => ({
    value: median(own.map(of)),
    peerValue: median(plain.map(of)),
  })
  const figure = `live: replay of ${REPLAYED} events`
  const peer = 'the same file through a bare TCP socket'
  return [
    { figure, ...middle(({ seconds }) => seconds), unit: 's', peer, limit: { ratio: 5 } },
    {
      figure: `${figure}, events/s`,
      ...middle(({ events, seconds }) => events / seconds),
      unit: 'events/s',
      peer,
    },
    {
      figure: `${figure}, MB/s`,
      ...middle(({ bytes, seconds }) => bytes / 1e6 / seconds),
      unit: 'MB/s',
      peer,
    },
  ]
}

async function latencyFigures(): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const load of [
    { rate: 25, seconds: 20 },
    { rate: RATE, seconds: 5 },
  ]) {
    const [bare, times] = [await latency(load, true), await latency(load, false)]
    for (const share of [0.5, 0.99]) {
      figures.push({
        figure: `live: event to its line on a local viewer at ${load.rate} events/s, p${share * 100}`,
        value: percentile(times, share),
        unit: 'ms',
        peer: 'a bare websocket message at the same rate',
        peerValue: percentile(bare, share),
      })
    }
  }
  return figures
}

async function latency(load: { rate: number; seconds: number }, bare: boolean): Promise<number[]> {
  await using bench = await startBench()
  const to = bare ? 'bare' : 'log'
  const viewer = await bench.view({ do: 'time', port: bare ? bench.ports.bare : bench.ports.live, bare })
  await bench.load({ ...load, text: 'x', to })
  const done = nextMessage<{ milliseconds: number[] }>(viewer)
  await bench.load({ rate: 100, seconds: 0.02, text: 'end', to })
  const { milliseconds } = await done
  return milliseconds
}

function percentile(values: readonly number[], share: number): number {
  const value = values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1]
  if (value === undefined) throw new RangeError('a percentile of nothing')
  return value
}

interface Bench extends AsyncDisposable {
  readonly ports: ServerAddress
  load(load: Load): Promise<LoadResult>
  /** A process of viewers. */
  start(): Promise<ChildProcess>
  /** The same, once it views. */
  view(viewing: Viewing): Promise<ChildProcess>
}

/** A server process with a log of so many events. */
async function startBench(events = 0): Promise<Bench> {
  await using made = new AsyncDisposableStack()
  const dir = await mkdtemp(join(tmpdir(), 'speediso-bench-live-'))
  made.defer(() => rm(dir, { recursive: true }))
  await writeEvents(join(dir, 'events.ndjson'), events)
  const run = (owner: AsyncDisposableStack, script: string, ...args: string[]) => {
    const child = fork(join(import.meta.dirname, 'live', script), args)
    owner.defer(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill()
      await once(child, 'exit')
    })
    return child
  }
  const server = run(made, 'server.ts', dir)
  const ports = await nextMessage<ServerAddress>(server)
  const owned = made.move()
  const start = async () => run(owned, 'viewers.ts')
  return {
    ports,
    async load(load) {
      server.send(load)
      return nextMessage<LoadResult>(server)
    },
    start,
    async view(viewing) {
      const child = await start()
      child.send(viewing)
      await nextMessage(child)
      return child
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The next message of a process; fails when it ends before. */
async function nextMessage<T>(child: ChildProcess): Promise<T> {
  const ended = new AbortController()
  const exit = () => ended.abort(new Error(`${child.spawnargs.at(-1)} ended with ${child.exitCode}`))
  child.once('exit', exit)
  if (child.exitCode !== null) exit()
  try {
    const [message] = await once(child, 'message', { signal: ended.signal })
    return message as T
  } catch (error) {
    throw ended.signal.aborted ? ended.signal.reason : error
  } finally {
    child.off('exit', exit)
  }
}

async function writeEvents(path: string, count: number): Promise<void> {
  const time = new Date().toISOString()
  const lines = function* () {
    for (let first = 1; first <= count; first += 1000) {
      let text = ''
      for (let seq = first; seq < first + 1000 && seq <= count; seq += 1)
        text += `${JSON.stringify({ seq, time, host: 'bench', kind: 'log', level: 'info', message: TEXT })}\n`
      yield text
    }
  }
  await pipeline(lines, createWriteStream(path))
}
