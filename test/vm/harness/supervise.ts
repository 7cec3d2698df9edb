import type { QemuEnd, QemuProcess } from './qemu-process.ts'

/** How a machine came to its end. */
export interface MachineEnd {
  /**
   * `guest`: it powered off or rebooted; `stopped`: by us; `limit`: it ran too long; `crashed`: QEMU gave the guest up;
   * `died`: QEMU itself ended without being told.
   */
  how: 'guest' | 'stopped' | 'limit' | 'crashed' | 'died'
  /** QEMU's word for it, such as guest-shutdown, guest-reset or internal-error. */
  reason?: string
  exitCode: number | null
  signal: NodeJS.Signals | null
}

export interface Supervision {
  /** Starts QEMU. */
  launch: () => Promise<QemuProcess>
  /** Brings a started QEMU to where the guest runs. */
  begin: (qemu: QemuProcess) => Promise<void>
  /** Why the guest ended by itself, when QEMU said so. */
  guestEnd: () => string | undefined
  onRestart: (end: QemuEnd) => void
  limit: number
  signal?: AbortSignal
}

export interface Supervisor {
  /** The QEMU that runs now or ran last. */
  qemu(): QemuProcess
  /** Resolves when the guest runs; rejects when it never did. */
  readonly started: Promise<void>
  readonly ended: Promise<MachineEnd>
  end(how: MachineEnd['how'], reason?: string): void
}

/** Once in about thirty starts QEMU was seen to end after some seconds, with no message and for no reason found. */
const FIRST_SECONDS = 10_000
/** Signals by which somebody ends QEMU on purpose (or the kernel, when memory runs out). */
const DELIBERATE = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'])

/** Whether QEMU ended early, by itself and without a word, which is worth one more try. */
export function diedSilently({ ran, signal }: QemuEnd, stderr: string): boolean {
  return ran < FIRST_SECONDS && stderr.trim() === '' && !DELIBERATE.has(signal ?? '')
}

/** Runs QEMU to its end or to its limit, with at most one restart. */
export function supervise(work: Supervision): Supervisor {
  const started = Promise.withResolvers<void>()
  let qemu: QemuProcess | undefined
  let decided: Pick<MachineEnd, 'how' | 'reason'> | undefined
  const end = (how: MachineEnd['how'], reason?: string) => {
    decided ??= { how, ...(reason === undefined ? {} : { reason }) }
    qemu?.kill()
  }
  const aborted = () => end('stopped')
  const timer = setTimeout(() => end('limit'), work.limit)
  work.signal?.addEventListener('abort', aborted)

  const run = async (): Promise<MachineEnd> => {
    for (let restarts = 0; ; ) {
      const current = await work.launch()
      qemu = current
      if (decided !== undefined || work.signal?.aborted) current.kill()
      let fault: unknown
      const begun = work.begin(current).then(started.resolve, (error: unknown) => {
        fault = error
        current.kill()
      })
      const last = await current.ended
      await begun
      const reason = work.guestEnd()
      const untold = decided === undefined && reason === undefined && !work.signal?.aborted
      if (untold && restarts === 0 && diedSilently(last, current.stderr())) {
        restarts++
        work.onRestart(last)
        continue
      }
      // Only matters when it never started.
      started.reject(fault ?? new Error('QEMU ended'))
      const { exitCode, signal } = last
      if (decided !== undefined) return { ...decided, exitCode, signal }
      return { how: reason === undefined ? 'died' : 'guest', ...(reason && { reason }), exitCode, signal }
    }
  }
  const ended = run()
    .catch((error: unknown): MachineEnd => {
      started.reject(error)
      return { how: 'died', reason: String(error), exitCode: null, signal: null }
    })
    .finally(() => {
      clearTimeout(timer)
      work.signal?.removeEventListener('abort', aborted)
    })
  started.promise.catch(() => {})
  return {
    qemu() {
      if (qemu === undefined) throw new Error('QEMU has not been started')
      return qemu
    },
    started: started.promise,
    ended,
    end,
  }
}
