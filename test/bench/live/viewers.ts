import { connect } from 'node:net'
import { WebSocket } from 'ws'
import { liveUrl, readLive } from '../../../src/live/client.ts'
import { lastOfRun } from '../../../src/runtime/event-lines.ts'
import { formatEvent } from '../../../src/runtime/format.ts'
import type { Viewed, Viewing } from './messages.ts'

// Viewers of a live log, in a process of their own; each checks that no event is missing.
const tell = (viewed: Viewed) => process.send?.(viewed)
let until: number | undefined
let check = () => {}

process.on('message', (message: Viewing | { until: number }) => {
  if ('until' in message && !('do' in message)) {
    until = message.until
    check()
  } else if ('do' in message) {
    if (message.do === 'count') count(message)
    else if (message.do === 'fetch') fetchPlain(message.port)
    else void time(message)
  }
})
process.on('disconnect', () => process.exit())

function count({ port, viewers, until: target }: Extract<Viewing, { do: 'count' }>): void {
  until = target
  const last = new Array<number>(viewers).fill(0)
  let ready = 0
  let bytes = 0
  let done = false
  const from = performance.now()
  check = () => {
    if (done || until === undefined || last.some((seq) => seq < (until ?? 0))) return
    done = true
    tell({ events: last.reduce((a, b) => a + b, 0), bytes, seconds: (performance.now() - from) / 1000 })
  }
  for (let viewer = 0; viewer < viewers; viewer += 1) {
    const socket = new WebSocket(liveUrl(`http://127.0.0.1:${port}/#token=bench`, 0), {
      perMessageDeflate: false,
      skipUTF8Validation: true,
    })
    let greeted = false
    socket.on('close', (code, reason) => {
      throw new Error(`viewer ${viewer} was cut off: ${code} ${reason}`)
    })
    socket.on('message', (data: Buffer) => {
      if (!greeted) {
        greeted = true
        ready += 1
        if (ready === viewers) tell({ ready: true })
        return
      }
      const seen = lastOfRun(data, last[viewer] ?? 0)
      if (seen === undefined)
        throw new Error(`viewer ${viewer}: what follows event ${last[viewer]} is another one`)
      last[viewer] = seen
      bytes += data.length
      if (seen === until) check()
    })
  }
}

/** The peer of a replay: the same file through a bare socket, its lines counted. */
function fetchPlain(port: number): void {
  const from = performance.now()
  let events = 0
  let bytes = 0
  const socket = connect(port, '127.0.0.1')
  socket.on('data', (chunk: Buffer) => {
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) events += 1
    bytes += chunk.length
  })
  socket.on('end', () => tell({ events, bytes, seconds: (performance.now() - from) / 1000 }))
}

/** Milliseconds from saying something to its line here, until it says `end`. */
async function time({ port, bare }: Extract<Viewing, { do: 'time' }>): Promise<void> {
  const milliseconds: number[] = []
  const take = (message: string, show = () => {}): boolean => {
    const [said = '', word] = message.split(' ')
    show()
    milliseconds.push(Number(process.hrtime.bigint() - BigInt(said)) / 1e6)
    if (word === 'end') tell({ milliseconds })
    return word === 'end'
  }
  if (bare) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
    socket.on('open', () => tell({ ready: true }))
    socket.on('message', (data) => take(String(data)))
    return
  }
  const url = liveUrl(`http://127.0.0.1:${port}/#token=bench`, 0)
  for await (const message of readLive(url, new AbortController().signal)) {
    if ('hello' in message) tell({ ready: true })
    else if (message.event.kind === 'log') {
      const { event } = message
      if (take(event.message, () => void formatEvent(event))) return
    }
  }
}
