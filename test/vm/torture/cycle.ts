import { setTimeout as sleep } from 'node:timers/promises'
import type { HarnessDeps, Machine } from '../harness/index.ts'
import { startMachine } from '../harness/index.ts'
import type { InstalledDisk } from '../root-installed.ts'
import { type GuestShell, guestShell } from '../root-shell.ts'
import { type CutMade, logDisk } from './logged-disk.ts'

/** One cycle: a host starts from what a power cut has left, proves that it is well, and loses its power again. */
export interface Cycle {
  cycle: number
  /** What was under way when the power went. */
  operation: string
  /** How long after it began, in milliseconds; as far as the machine's speed goes by chance. */
  afterMs: number
  cut: CutMade
  /** Kernels that were started until the host was up again. */
  boots: number
  /** The version that came up, and those that were right. */
  version: string
  right: string[]
  seconds: number
}

export interface Host {
  disk: InstalledDisk
  /** For the log and the like. */
  dir: string
  name: string
  acceleration: 'kvm' | 'tcg'
}

const SECOND = 1000
const UP_LIMIT = 420 * SECOND

interface Operation {
  /** Which images it needs, and the version that it leads to. */
  needs: 'old' | 'broken'
  /** Shell that starts it; the reboot included, if it has one. */
  line: string
  /** The line whose output says that it is done for good; undefined: it goes on in the next boot. */
  done?: RegExp
  /** The power goes so many milliseconds after this line of the console at the latest. */
  window: [from: RegExp, milliseconds: number]
}

const REBOOT = 'sync; mount -o remount,ro /run/hostpart 2> /dev/null; busybox reboot -f'

const OPERATIONS: Readonly<Record<string, Operation>> = {
  'revert by command': {
    needs: 'old',
    line: 'speediso root revert && echo DONE-BY-COMMAND',
    done: /DONE-BY-COMMAND/,
    window: [/remember|outcome|reverted/, 4 * SECOND],
  },
  'revert by flag': {
    needs: 'old',
    line: `touch /hostpart/system-revert; ${REBOOT}`,
    window: [/milestone: hostpart/, 12 * SECOND],
  },
  'update by command': {
    needs: 'broken',
    line: 'speediso root stage /hostpart/hn-root-broken.img && echo DONE-BY-COMMAND',
    done: /DONE-BY-COMMAND/,
    window: [/updated/, 5 * SECOND],
  },
  'update by dropping in': {
    needs: 'broken',
    line: `mv /hostpart/hn-root-broken.img /hostpart/hn-root-new.img; ${REBOOT}`,
    window: [/milestone: hostpart/, 30 * SECOND],
  },
}

/**
 * Runs cycles one after the other on one host, and calls `onCycle` after each.
 * @throws Error that says what is wrong with a host that came up wrong, or did not
 */
export async function runCycles(
  host: Host,
  count: number,
  random: () => number,
  deps: HarnessDeps,
  onCycle: (cycle: Cycle) => void,
): Promise<void> {
  let expected: { operation: string; afterMs: number; cut: CutMade; right: string[] } | undefined
  // The first start installs what is remembered; nothing was cut yet.
  for (let cycle = 0; cycle <= count; cycle += 1) {
    const from = performance.now()
    const logged = await logDisk(host.disk.file, host.dir, deps.exec)
    await using machine = await startHost(host, logged.arguments, deps)
    const shell = guestShell(machine)
    await shell.up(UP_LIMIT)
    const boots = machine.serial.lines.filter((line) => line.includes('Linux version')).length
    const version = await judge(shell, expected?.right ?? ['1'])
    if (expected !== undefined) {
      const seconds = Math.round((performance.now() - from) / 100) / 10
      onCycle({ cycle, ...expected, boots, version, seconds })
    }
    if (cycle === count) {
      await machine.qmp('stop')
      await machine.stop()
      logged.keep()
      return
    }
    const present = await shell.ok('ls /hostpart')
    const able = Object.entries(OPERATIONS).filter(([, { needs }]) =>
      present.includes(`hn-root-${needs}.img`),
    )
    const [operation, how] = able[Math.floor(random() * able.length)] as [string, Operation]
    const since = logged.logged()
    const begun = performance.now()
    const doneAt = await interrupt(machine, shell, how, random, () => logged.logged())
    const afterMs = Math.round(performance.now() - begun)
    await machine.qmp('stop')
    const whole = logged.logged()
    await machine.stop()
    const cut = logged.cut(since, random)
    const other = version === '1' ? '2' : '1'
    // What was told to be done, and whose every write was there when the power went, has to be so.
    const certain = doneAt !== undefined && cut.last && doneAt <= whole
    expected = { operation, afterMs, cut, right: certain ? [other] : [version, other] }
  }
}

async function startHost(host: Host, disk: readonly string[], deps: HarnessDeps): Promise<Machine> {
  return startMachine(
    {
      name: host.name,
      firmware: 'bios',
      memoryMiB: 768,
      cpus: 1,
      acceleration: host.acceleration,
      boot: { kind: 'disk' },
      networkCards: [],
      reboot: 'allow',
      extraArguments: [...disk, '-machine', 'sata=off'],
      limit: 30 * 60 * SECOND,
    },
    deps,
  )
}

/** Begins the operation and lets time pass; gives how much was logged when it said that it is done. */
async function interrupt(
  machine: Machine,
  shell: GuestShell,
  { line, done, window: [from, milliseconds] }: Operation,
  random: () => number,
  logged: () => number,
): Promise<number | undefined> {
  const { serial } = machine
  const since = serial.length
  const late = random()
  shell.leave(line)
  let doneAt: number | undefined
  const watch = new AbortController()
  if (done !== undefined) {
    void serial.waitFor(done, { since, signal: watch.signal }).then(
      () => {
        doneAt = logged()
      },
      () => {},
    )
  }
  // Of four cuts one comes at any time at all, and three where the writes are.
  if (random() < 0.25) await sleep(late * 40 * SECOND)
  else {
    await serial.waitFor(from, { since, limit: UP_LIMIT })
    await sleep(late * milliseconds)
  }
  watch.abort()
  return doneAt
}

/** The version that runs, once it is confirmed and everything about it is as it should be. @throws Error */
async function judge(shell: GuestShell, right: readonly string[]): Promise<string> {
  const fail = (what: string, seen: unknown): never => {
    throw new Error(`${what}: ${JSON.stringify(seen)}`)
  }
  const running = document(await shell.ok('cat /run/speediso/root.json')) as {
    image: string
    version?: string
  }
  const version = running.version ?? fail('the version that runs is not known', running)
  if (!right.includes(version)) fail(`version ${version} runs, and not ${right.join(' or ')}`, running)
  await shell.ok('test -d "/lib/modules/$(uname -r)"')
  await shell.ok(`grep -a -q "^version=${version}$" /boot/speediso.env`)
  // Ends well only when the image that runs is the current one, and is confirmed now or was before.
  await shell.ok('speediso root confirm --force')
  const files = [
    ...(await shell.ok("stat -c 'FILE %i %n' /hostpart/hn-root*.img")).matchAll(/FILE (\d+) (\S+)/g),
  ]
  const current = files.find(([, , name]) => name === '/hostpart/hn-root.img')?.[1]
  if (current !== running.image.split('-')[0]) fail('the image that runs is not the current one', files)
  if (new Set(files.map(([, inode]) => inode)).size !== 2) fail('there are not two images any more', files)
  return version
}

/** The JSON document in what a console shows, between messages of the kernel. */
function document(output: string): unknown {
  const lines = output.split('\n').filter((line) => !/^\[ *\d+\.\d+\]/.test(line))
  const text = lines.join('\n')
  return JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1))
}
