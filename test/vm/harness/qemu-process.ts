import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { createQmp, type Qmp, type QmpEvent } from './qmp.ts'

export interface QemuEnd {
  exitCode: number | null
  signal: NodeJS.Signals | null
  /** Milliseconds that it ran. */
  ran: number
}

/** One running QEMU. */
export interface QemuProcess {
  readonly pid: number
  readonly qmp: Qmp
  /** All that it said on its standard error, so far. */
  stderr(): string
  /** Resolves when it has ended and its output has been read to the end. */
  readonly ended: Promise<QemuEnd>
  write(text: string): void
  kill(): void
}

export interface QemuListeners {
  serial: (chunk: Uint8Array) => void
  event: (event: QmpEvent) => void
}

/** Starts QEMU so that it cannot outlive this process: the kernel kills it when its parent ends, even by SIGKILL. */
export async function spawnQemu(
  programs: { setpriv: string; qemu: string },
  args: readonly string[],
  on: QemuListeners,
): Promise<QemuProcess> {
  const from = performance.now()
  const child = spawn(programs.setpriv, ['--pdeathsig', 'KILL', programs.qemu, ...args], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    // Ctrl-C in the terminal goes to the parent alone, which then ends the machine in order.
    detached: true,
  })
  let stderr = ''
  child.stdout.on('data', on.serial)
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // What is typed to a machine that just ended is lost, which is no error.
  child.stdin.on('error', () => {})
  const qmp = createQmp(child.stdio[3] as Duplex, on.event)
  const ended = new Promise<QemuEnd>((resolve) => {
    child.on('close', (exitCode, signal) => {
      qmp.end('QEMU has ended')
      resolve({ exitCode, signal, ran: performance.now() - from })
    })
  })
  await once(child, 'spawn')
  return {
    pid: child.pid ?? 0,
    qmp,
    stderr: () => stderr,
    ended,
    write: (text) => child.stdin.write(text),
    kill: () => child.kill('SIGKILL'),
  }
}
