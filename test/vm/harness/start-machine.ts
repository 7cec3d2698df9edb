import { join } from 'node:path'
import { InputError } from '../../../src/errors.ts'
import { qemuArguments } from './arguments.ts'
import { createBacklog } from './backlog.ts'
import { findProgram, type HarnessDeps } from './deps.ts'
import { type MachineError, machineError } from './errors.ts'
import { describeEnd, type Machine } from './machine.ts'
import { prepareMachine } from './prepare.ts'
import { type QemuProcess, spawnQemu } from './qemu-process.ts'
import { parseForwards, type QmpEvent } from './qmp.ts'
import { createSerialReader } from './serial.ts'
import { openSerialLog } from './serial-log.ts'
import type { MachineSpec } from './spec.ts'
import { ssh, waitForSshBanner } from './ssh.ts'
import { type MachineEnd, supervise } from './supervise.ts'
import { createWorkspace } from './workspace.ts'

/** States in which QEMU has stopped the guest for good. */
const GIVEN_UP = new Set(['internal-error', 'io-error', 'guest-panicked'])

/**
 * Starts a virtual machine; the guest runs when this resolves.
 * @throws InputError, ToolMissingError
 * @throws MachineError with QEMU's own words when it does not start
 */
export async function startMachine(spec: MachineSpec, deps: HarnessDeps): Promise<Machine> {
  deps.signal?.throwIfAborted()
  const programs = {
    qemu: findProgram('qemu-system-x86_64', 'qemu-system-x86', deps.path),
    setpriv: findProgram('setpriv', 'util-linux', deps.path),
  }
  await using made = new AsyncDisposableStack()
  const { dir } = made.use(await createWorkspace(deps.temporaryDir, spec.keep))
  const paths = await prepareMachine(spec, dir, deps)
  const log = made.use(await openSerialLog(join(deps.cacheDir, 'vm-logs'), spec.name))

  const fail = (headline: string, cause?: unknown): MachineError => {
    log.keep()
    const stderr = started ? supervisor.qemu().stderr() : ''
    const words = { machine: spec.name, serial: reader.lines.items, logFile: log.file, stderr }
    return machineError(headline, words, { cause })
  }
  const failWait = (what: string, why: string, cause?: unknown) => fail(`no ${what}: ${why}`, cause)
  const reader = createSerialReader(failWait)
  const events = createBacklog<QmpEvent>(failWait)
  const ends = createBacklog<MachineEnd>(failWait)
  let hostPorts = new Map<number, number>()
  let restarts = 0
  let started = false

  const onEvent = (event: QmpEvent) => {
    events.push(event)
    if (event.event === 'STOP') void giveUp().catch(() => {})
  }
  const giveUp = async () => {
    const { status } = (await supervisor.qemu().qmp.execute('query-status')) as { status: string }
    if (GIVEN_UP.has(status)) supervisor.end('crashed', status)
  }
  const begin = async ({ qmp }: QemuProcess) => {
    await qmp.execute('qmp_capabilities')
    const usernet = await qmp.execute('human-monitor-command', { 'command-line': 'info usernet' })
    hostPorts = parseForwards(String(usernet))
    await qmp.execute('cont')
  }
  const onSerial = (chunk: Uint8Array) => {
    log.write(chunk)
    reader.feed(chunk)
  }
  // Checked before anything starts, and again built for a restart, which keeps the ports that were told.
  const build = () => qemuArguments(spec, paths, hostPorts)
  build()
  const supervisor = supervise({
    launch: async () => {
      const qemu = await spawnQemu(programs, build(), { serial: onSerial, event: onEvent })
      started = true
      return qemu
    },
    begin,
    guestEnd: () => guestEnd(events.items),
    onRestart: ({ exitCode, signal, ran }) => {
      restarts++
      deps.log(
        `machine ${spec.name}: QEMU ended silently after ${Math.round(ran)} ms (${signal ?? exitCode}); again`,
      )
    },
    limit: spec.limit,
    ...(deps.signal === undefined ? {} : { signal: deps.signal }),
  })
  made.defer(async () => {
    supervisor.end('stopped')
    await supervisor.ended
  })
  const ended = supervisor.ended.then((end) => {
    const why = describeEnd(end, spec.limit)
    ends.push(end)
    for (const source of [reader, events]) source.end(why, deps.signal?.reason)
    if (end.how !== 'guest' && end.how !== 'stopped') log.keep()
    return end
  })
  await supervisor.started.catch(async (error: unknown) => {
    throw fail(`did not start: ${describeEnd(await ended, spec.limit)}`, error)
  })

  const owned = made.move()
  const port = (guestPort: number) => {
    const found = hostPorts.get(guestPort)
    if (found !== undefined) return found
    throw new InputError(`machine ${spec.name}: port ${guestPort} is not forwarded`, {
      hint: 'name it in forwardedPorts',
    })
  }
  return {
    name: spec.name,
    get pid() {
      return supervisor.qemu().pid
    },
    dir,
    serial: {
      logFile: log.file,
      lines: reader.lines.items,
      get length() {
        return reader.lines.items.length
      },
      waitFor: reader.waitFor,
      write: (text) => supervisor.qemu().write(text),
    },
    events: events.items,
    ended,
    get restarts() {
      return restarts
    },
    port,
    qmp: (command, args) => supervisor.qemu().qmp.execute(command, args),
    waitForEvent: (name, options) =>
      events.waitFor(({ event }) => event === name, `event ${name} of QEMU`, options),
    waitForEnd: (options) => ends.waitFor(() => true, 'end of it', options),
    async powerdown() {
      await supervisor.qemu().qmp.execute('system_powerdown')
    },
    stop() {
      supervisor.end('stopped')
      return ended
    },
    async waitForSsh({ limit = spec.limit, signal } = {}) {
      const over = new AbortController()
      const signals = [over.signal, ...(signal === undefined ? [] : [signal])]
      void ended.then((end) => over.abort(new Error(describeEnd(end, spec.limit))))
      try {
        return await waitForSshBanner(port(22), { limit, signal: AbortSignal.any(signals) })
      } catch (error) {
        signal?.throwIfAborted()
        const why = over.signal.aborted ? 'the machine ended' : `not within ${limit / 1000} s`
        throw failWait('SSH server', why, error)
      }
    },
    ssh: (command, key, options) => ssh(deps.exec, { port: port(22), key }, command, options),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** QEMU's reason when the guest ended the machine: a power-off, or a reboot that is not allowed. */
function guestEnd(events: readonly QmpEvent[]): string | undefined {
  const last = events.findLast(({ event }) => event === 'SHUTDOWN')
  return last?.data.guest === true ? String(last.data.reason) : undefined
}
