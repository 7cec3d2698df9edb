import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { EventBody } from '../../../src/runtime/events.ts'

/** A live log in another process. */
export interface LiveProcess extends AsyncDisposable {
  readonly port: number
  append(...events: EventBody[]): void
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

export async function startLiveProcess(dir: string, port = 0, bootId = 'boot-1'): Promise<LiveProcess> {
  const script = join(import.meta.dirname, 'serve-live.ts')
  const child: ChildProcess = fork(script, [dir, String(port), bootId])
  const [bound] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the server ended with ${code}`)
    }),
  ])
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
  return {
    port: bound as number,
    append: (...events) => child.send(events),
    end,
    [Symbol.asyncDispose]: () => end('SIGKILL'),
  }
}

export const log = (message: string): EventBody => ({ kind: 'log', level: 'info', message })
export const jobEnd = (verdict: 'passed' | 'failed' | 'unknown' | null): EventBody => ({
  kind: 'job.end',
  verdict,
  after: 'stay',
})
