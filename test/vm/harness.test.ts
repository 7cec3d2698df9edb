import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  chooseAcceleration,
  currentImageDir,
  harnessDeps,
  MachineError,
  type MachineSpec,
  NETBOOT_FAILED,
  netbootScript,
  serveFiles,
  startMachine,
} from './harness/index.ts'

/** The harness itself, on the image's kernel without an initramfs: it starts, finds no root and panics. */
const kernel = join(currentImageDir(), 'vmlinuz')
const cacheDir = mkdtempSync(join(tmpdir(), 'speediso-test-'))
const deps = { ...harnessDeps(), cacheDir }
const PANIC = 'Kernel panic - not syncing: VFS'
const SECOND = 1000

/** @param panic what the kernel does then: -1 reboots, 0 stays */
function spec(panic: '-1' | '0', more: Partial<MachineSpec> = {}): MachineSpec {
  return {
    name: 'harness',
    firmware: 'bios',
    memoryMiB: 256,
    cpus: 1,
    // Chosen elsewhere; here it must be the same on every machine.
    acceleration: 'tcg',
    networkCards: [],
    boot: { kind: 'kernel', kernel, cmdline: `console=ttyS0 quiet panic=${panic}` },
    limit: 60 * SECOND,
    ...more,
  }
}

async function failure(promise: Promise<unknown>): Promise<MachineError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.instance(error, MachineError)
  return error as MachineError
}

/** A process that has ended but whose parent has not asked yet is gone, too. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

async function gone(what: string, there: () => boolean): Promise<void> {
  const until = performance.now() + 10 * SECOND
  while (there()) {
    assert.ok(performance.now() < until, `${what} is still there`)
    await delay(20)
  }
}

test.after(() => rmSync(cacheDir, { recursive: true }))

test('a guest boots, is seen to, and ends itself', async () => {
  const disks = [
    { kind: 'nvme', serial: 'N', sizeMiB: 64 },
    { kind: 'sata', serial: 'A', sizeMiB: 65 },
    { kind: 'scsi', serial: 'S', sizeMiB: 66 },
    { kind: 'virtio', serial: 'V', sizeMiB: 67 },
  ] as const
  const cards = [{ model: 'e1000e', mac: '52:54:00:00:00:01' }] as const
  let pid = 0
  let dir = ''
  let log = ''
  {
    await using machine = await startMachine(
      spec('-1', { disks, networkCards: cards, forwardedPorts: [22, 7000] }),
      deps,
    )
    ;({ pid, dir } = machine)
    log = machine.serial.logFile
    assert.is.not(machine.port(22), machine.port(7000))
    assert.throws(() => machine.port(23), /port 23 is not forwarded/)
    const blocks = (await machine.qmp('query-block')) as {
      inserted?: { image: { 'virtual-size': number } }
    }[]
    assert.equal(
      blocks.map(({ inserted }) => (inserted?.image['virtual-size'] ?? 0) / 1024 ** 2).sort(),
      [64, 65, 66, 67],
    )
    assert.ok(statSync(join(dir, 'disk0.raw')).blocks < 100, 'a new disk takes no room')
    assert.match(await machine.serial.waitFor(PANIC, { limit: 50 * SECOND }), /mount root fs/)
    assert.match(await machine.serial.waitFor(/Kernel panic.*VFS/), /VFS/, 'a line that came before')
    assert.equal(await machine.waitForEnd({ limit: 20 * SECOND }), {
      how: 'guest',
      reason: 'guest-reset',
      exitCode: 0,
      signal: null,
    })
    assert.is((await machine.waitForEvent('SHUTDOWN')).data.reason, 'guest-reset')
    assert.is(machine.restarts, 0)
    assert.ok(readFileSync(log, 'utf8').includes(PANIC))
  }
  assert.equal([runs(pid), existsSync(dir), existsSync(log)], [false, false, false])
})

test('a wait that fails shows the end of the serial console and keeps the log', async () => {
  let log = ''
  {
    await using machine = await startMachine(spec('0'), deps)
    log = machine.serial.logFile
    await machine.serial.waitFor(PANIC, { limit: 50 * SECOND })
    await machine.serial.waitFor('end Kernel panic', { limit: 10 * SECOND })
    const wait = await failure(machine.serial.waitFor('login:', { limit: 100 }))
    assert.match(wait.message, /^machine harness: no "login:" on the serial console: not within 0\.1 s\n/)
    assert.ok(wait.message.includes(PANIC), wait.message)
    assert.ok(wait.message.includes(log))
    const event = await failure(machine.waitForEvent('POWERDOWN', { limit: 50 }))
    assert.match(event.message, /no event POWERDOWN of QEMU: not within/)
    assert.match((await failure(machine.waitForEnd({ limit: 50 }))).message, /no end of it: not within/)
  }
  assert.ok(readFileSync(log, 'utf8').includes(PANIC))
})

test('a wait without a limit fails when the machine reaches its own', async () => {
  const machine = await startMachine(spec('0', { limit: 3 * SECOND }), deps)
  const { pid, dir } = machine
  assert.ok(runs(pid))
  const { message } = await failure(machine.serial.waitFor('login:'))
  assert.match(message, /the machine was ended at its limit of 3 s\n/)
  assert.equal(await machine.ended, { how: 'limit', exitCode: null, signal: 'SIGKILL' })
  assert.not.ok(runs(pid))
  await machine[Symbol.asyncDispose]()
  assert.not.ok(existsSync(dir))
})

test('a QEMU that is killed is told, and not started again', async () => {
  await using machine = await startMachine(spec('0'), deps)
  const wait = failure(machine.serial.waitFor('login:'))
  process.kill(machine.pid, 'SIGKILL')
  assert.match((await wait).message, /QEMU ended by itself \(SIGKILL\)/)
  assert.equal([(await machine.ended).how, machine.restarts], ['died', 0])
})

test('a QEMU that does not start says why', async () => {
  const error = await failure(startMachine(spec('0', { extraArguments: ['-device', 'nonsense'] }), deps))
  assert.match(
    error.message,
    /^machine harness: did not start: QEMU ended by itself \(exit code 1\)\n {2}QEMU said:\n.*nonsense/,
  )
})

test('an abort ends the machine and the waits', async () => {
  const abort = new AbortController()
  const reason = new Error('enough')
  await using machine = await startMachine(spec('0'), { ...deps, signal: abort.signal })
  const wait = failure(machine.serial.waitFor('login:'))
  abort.abort(reason)
  assert.is((await wait).cause, reason)
  assert.is((await machine.ended).how, 'stopped')
  assert.not.ok(runs(machine.pid))
})

for (const way of ['exit', 'exception', 'SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
  test(`a parent that ends without a word (${way}) leaves nothing behind`, async () => {
    const script = fileURLToPath(new URL('harness/orphan.ts', import.meta.url))
    const parent = spawn(process.execPath, [script, kernel, way], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, XDG_CACHE_HOME: cacheDir },
    })
    const [line] = (await once(createInterface(parent.stdout), 'line')) as [string]
    const { pid, dir } = JSON.parse(line) as { pid: number; dir: string }
    if (way.startsWith('SIG')) {
      assert.equal([runs(pid), existsSync(dir)], [true, true])
      parent.kill(way as NodeJS.Signals)
    }
    await gone(`QEMU ${pid}`, () => runs(pid))
    await gone(dir, () => existsSync(dir))
  })
}

test('a netboot that comes to nothing says so on the console', async () => {
  await using server = await serveFiles({})
  const script = netbootScript({
    kernelUrl: server.guestUrl('/vmlinuz'),
    initrdUrl: server.guestUrl('/initrd.img'),
    cmdline: '',
  })
  server.add('/boot.ipxe', { body: script })
  const cards = [{ model: 'virtio-net-pci', mac: '52:54:00:00:00:01' }] as const
  const boot = { kind: 'netboot', scriptUrl: server.guestUrl('/boot.ipxe') } as const
  await using machine = await startMachine(spec('0', { boot, networkCards: cards }), deps)
  await machine.serial.waitFor(NETBOOT_FAILED, { limit: 50 * SECOND })
  const [first, second] = server.requests
  assert.equal([first?.path, first?.status], ['/boot.ipxe', 200])
  assert.equal([second?.path, second?.status], ['/vmlinuz', 404])
  assert.match(first?.userAgent ?? '', /^iPXE\//)
})

test('the choice of acceleration comes from a trial, and is remembered', async () => {
  const chosen = await chooseAcceleration(kernel, deps)
  const remembered = await chooseAcceleration('/nonexistent/vmlinuz', deps)
  assert.equal(remembered, chosen)
  if (existsSync('/dev/kvm')) assert.match(chosen.reason, /a kernel ran under it|there is \/dev\/kvm, but/)
  else assert.is(chosen.use, 'tcg')
})

test.run()
