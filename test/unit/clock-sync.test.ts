import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError } from '../../src/errors.ts'
import { parseCommandLine } from '../../src/job/cmdline.ts'
import { judge, TOLERANCE } from '../../src/system/clock-sync/judge.ts'
import { readLeaseTimeServers } from '../../src/system/clock-sync/lease.ts'
import { readTimeMade } from '../../src/system/clock-sync/made.ts'
import { type ClockSync, type ClockSyncRequest, syncClock } from '../../src/system/clock-sync/sync.ts'
import { implausible, median, utc } from '../../src/system/clock-sync/told.ts'
import { bootUrls } from '../../src/system/clock-sync/urls.ts'
import type { Exec } from '../../src/system/exec.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { openMachine } from './helpers/machine-tree.ts'
import { startNtpServer } from './helpers/ntp-server.ts'

const DAY = 86_400_000
const MADE = Date.UTC(2026, 0, 1)
const NOW = Date.UTC(2026, 5, 1)

/** A machine whose clock says `now`, and can be set by date. */
function machine(now: number, exec?: Exec) {
  let shift = now - Date.now()
  const ran: string[] = []
  const set: Exec = async (file, args) => {
    ran.push([file, ...args].join(' '))
    shift = Number(args.at(-1)?.slice(1)) * 1000 - Date.now()
    return { stdout: '', stderr: '', exitCode: 0 }
  }
  const clock = { now: () => Date.now() + shift, monotonic: () => performance.now() }
  const deps = { exec: exec ?? set, clock, signal: new AbortController().signal }
  return { deps, ran, now: clock.now }
}

type Sources = Partial<Pick<ClockSyncRequest, 'servers' | 'leases' | 'urls' | 'notBefore'>>

const sync = (on: ReturnType<typeof machine>, sources: Sources): Promise<ClockSync> =>
  syncClock({ servers: [], leases: [], urls: [], notBefore: MADE, ...sources, deps: on.deps })

async function onWeb(
  time: number,
  work: (url: string) => Promise<void>,
  address = '127.0.0.1',
): Promise<void> {
  const server = createServer((_, response) => {
    response.writeHead(204, { date: new Date(time).toUTCString() }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  try {
    await work(`http://${address}:${(server.address() as AddressInfo).port}/rootfs.squashfs`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 60_000, `${utc(a)} is not ${utc(b)}`)

test('a clock of 2001 is set by the NTP server of the job', async () => {
  await using server = await startNtpServer({ time: NOW })
  const on = machine(Date.UTC(2001, 0, 1))
  const told = await sync(on, { servers: [server.name] })
  assert.is(told.set, true)
  assert.is(told.by, `NTP server ${server.name}`)
  near((told.offset ?? 0) * 1000, NOW - Date.UTC(2001, 0, 1))
  assert.match(
    told.why,
    /^the clock said 2001-01-01T00:00:\d\dZ, but NTP server .* says 2026-06-01T.*; set to 2026-06-01T/,
  )
  assert.is(told.level, 'info')
  near(on.now(), NOW)
  assert.is(on.ran.length, 1)
  assert.match(on.ran[0] ?? '', /^date -u -s @\d{10}$/)
})

test('a clock that is ahead is put back', async () => {
  await using server = await startNtpServer({ time: NOW })
  const on = machine(NOW + 400 * DAY)
  assert.is((await sync(on, { servers: [server.name] })).set, true)
  near(on.now(), NOW)
})

test('a clock that is a minute off is left alone', async () => {
  await using server = await startNtpServer({ time: NOW })
  const on = machine(NOW - 60_000)
  const told = await sync(on, { servers: [server.name] })
  assert.equal([told.set, on.ran], [false, []])
  assert.match(told.why, /^the clock agrees with NTP server 127\.0\.0\.1:\d+ to \d+\.\d s$/)
})

test('servers of the job before those of the lease, and NTP before a web server', async () => {
  await using job = await startNtpServer({ time: NOW })
  await using lease = await startNtpServer({ time: NOW + DAY })
  await onWeb(NOW + 2 * DAY, async (url) => {
    const sources = { leases: [lease.name], urls: [url] }
    const first = machine(0)
    await sync(first, { servers: [job.name], ...sources })
    near(first.now(), NOW)
    const second = machine(0)
    await sync(second, sources)
    near(second.now(), NOW + DAY)
    const third = machine(0)
    const told = await sync(third, { urls: [url] })
    near(third.now(), NOW + 2 * DAY)
    assert.is(told.by, `web server ${new URL(url).origin}`)
  })
})

test('a server of job and lease is asked once', async () => {
  await using server = await startNtpServer({ time: NOW })
  await sync(machine(NOW), { servers: [server.name, server.name], leases: [server.name] })
  assert.is(server.requests.length, 1)
})

test('servers that lie, are not synchronised or silent are passed over, and said', async () => {
  await using zero = await startNtpServer({ time: NOW + DAY, stratum: 0, kiss: 'DENY' })
  await using leap = await startNtpServer({ time: NOW + DAY, leap: 3 })
  await using old = await startNtpServer({ time: MADE - DAY })
  await using silent = await startNtpServer({ edit: () => undefined })
  await onWeb(NOW, async (url) => {
    const on = machine(0)
    const servers = [zero, leap, old, silent].map(({ name }) => name)
    assert.is((await sync(on, { servers, urls: [url] })).by, `web server ${new URL(url).origin}`)
    near(on.now(), NOW)
    const none = await sync(machine(NOW), { servers })
    assert.is(none.set, false)
    assert.match(none.why, `${zero.name}: it refuses to answer (DENY)`)
    assert.match(none.why, `${leap.name}: its own clock is not synchronised`)
    assert.match(none.why, `${old.name}: it says ${utc(MADE - DAY)}, but this system was made ${utc(MADE)}`)
    assert.match(none.why, `${silent.name}: no answer within 3 s`)
  })
})

test('one liar among three is outvoted', async () => {
  for (const lie of [-100 * DAY, 3000 * DAY]) {
    await using a = await startNtpServer({ time: NOW })
    await using b = await startNtpServer({ time: NOW + lie })
    await using c = await startNtpServer({ time: NOW + 500 })
    const on = machine(0)
    await sync(on, { servers: [a.name, b.name, c.name] })
    near(on.now(), NOW)
  }
})

test('nobody to ask: a clock from before the image becomes the time of the image', async () => {
  const on = machine(Date.UTC(1970, 0, 1))
  const told = await sync(on, {})
  assert.equal([told.set, told.by, told.level], [true, 'the time when this system was made', 'warning'])
  near(on.now(), MADE)
  const fine = machine(NOW)
  const left = await sync(fine, {})
  assert.equal([left.set, left.offset, fine.ran], [false, undefined, []])
  assert.match(left.why, /; whether that is right is not known: there is nobody to ask$/)
})

test('a clock that cannot be set is told', async () => {
  await using server = await startNtpServer({ time: NOW })
  const refuses = machine(0, async () => {
    throw new CommandError('date ended with exit code 1: Operation not permitted')
  })
  const told = await sync(refuses, { servers: [server.name] })
  assert.equal([told.set, told.level], [false, 'warning'])
  assert.match(told.why, /; it cannot be set: date ended with exit code 1: Operation not permitted$/)
  const pretends = machine(0, async () => ({ stdout: '', stderr: '', exitCode: 0 }))
  const stays = await sync(pretends, { servers: [server.name] })
  assert.equal([stays.set, stays.level], [false, 'warning'])
  assert.match(stays.why, /; after setting it, it says 1970-01-01T00:00:\d\dZ$/)
})

test('told to stop: it ends with that reason and sets nothing', async () => {
  await using silent = await startNtpServer({ edit: () => undefined })
  const on = machine(0)
  const reason = new Error('enough')
  const stop = new AbortController()
  const request = { servers: [silent.name], leases: [], urls: [], notBefore: MADE }
  const answer = syncClock({ ...request, deps: { ...on.deps, signal: stop.signal } })
  stop.abort(reason)
  assert.is(await answer.catch((error: unknown) => error), reason)
  assert.equal(on.ran, [])
})

test('URLs that are none, and other schemes, are nobody', async () => {
  const told = await sync(machine(NOW), { urls: ['nonsense', 'nats://h'] })
  assert.match(told.why, /there is nobody to ask$/)
})

const HOUR = 3_600_000

test('a web server alone that is hours off moves no clock that may be right, on however many ports; it is said', async () => {
  await onWeb(NOW + 2 * HOUR, (first) =>
    onWeb(NOW + 2 * HOUR, async (second) => {
      const on = machine(NOW)
      const told = await sync(on, { urls: [first, second] })
      assert.equal([told.set, told.level, on.ran], [false, 'warning', []])
      near((told.offset ?? 0) * 1000, 2 * HOUR)
      assert.match(
        told.why,
        /^the clock says 2026-06-01T00:\S+Z and web server \S+ says 2026-06-01T02:\S+Z; the clock is left alone, because one/,
      )
    }),
  )
})

test('the web servers of two hosts that agree move it', async () => {
  await onWeb(NOW + 2 * HOUR, (first) =>
    onWeb(
      NOW + 2 * HOUR + 60_000,
      async (second) => {
        const on = machine(NOW)
        const told = await sync(on, { urls: [first, second] })
        assert.equal([told.set, told.level], [true, 'info'])
        near(on.now(), NOW + 2 * HOUR)
      },
      '127.0.0.2',
    ),
  )
})

test('of two that do not agree, the one that agrees with the clock counts', async () => {
  await onWeb(NOW - 100 * DAY, (liar) =>
    onWeb(
      NOW,
      async (honest) => {
        const on = machine(NOW)
        const told = await sync(on, { urls: [liar, honest] })
        assert.equal([told.set, told.level, on.ran], [false, 'info', []])
      },
      '127.0.0.2',
    ),
  )
})

for (const [what, clock] of [
  ['more than a day off', NOW - 2 * DAY],
  ['before the image', MADE - HOUR],
  ['where systemd puts one that is before the image', MADE + 3 * 60_000],
  ['long after the image', MADE + 16 * 366 * DAY],
] as const) {
  test(`a web server alone is enough for a clock that is ${what}`, async () => {
    const right = clock < MADE + HOUR ? MADE + HOUR : NOW
    await onWeb(right, async (url) => {
      const on = machine(clock)
      assert.is((await sync(on, { urls: [url] })).set, true)
      near(on.now(), right)
    })
  })
}

test('NTP alone moves a clock that is hours off', async () => {
  await using server = await startNtpServer({ time: NOW + 2 * HOUR })
  const on = machine(NOW)
  assert.is((await sync(on, { servers: [server.name] })).set, true)
  near(on.now(), NOW + 2 * HOUR)
})

const times = fc.integer({ min: 0, max: Date.UTC(2090, 0) })

test('property: never set to a time before the image, and always to the time told when it is far off', () => {
  const told = fc.option(fc.record({ from: fc.constant('x'), time: times, alone: fc.constant(false) }), {
    nil: undefined,
  })
  fc.assert(
    fc.property(times, times, told, (now, notBefore, said) => {
      const { to, offset, by } = judge({ now, notBefore, told: said, refused: [] })
      if (to !== undefined) assert.ok(to * 1000 >= notBefore && Number.isInteger(to))
      // Nothing that runs afterwards lives before the image.
      if (to === undefined) assert.ok(now >= notBefore)
      if (said === undefined) assert.is(offset, undefined)
      else {
        assert.equal([by, offset], ['x', (said.time - now) / 1000])
        const right = Math.abs(said.time - now) <= TOLERANCE && now >= notBefore
        assert.is(to === undefined, right)
        if (to !== undefined && said.time >= notBefore) assert.ok(Math.abs(to * 1000 - said.time) < 1000)
      }
    }),
  )
})

test('property: a majority that is right wins against any liars', () => {
  const clock = { monotonic: () => 5000 }
  const honest = fc.integer({ min: -100, max: 100 }).map((off) => NOW + off)
  const votes = fc
    .nat(4)
    .chain((liars) =>
      fc.tuple(
        fc.array(times, { minLength: liars, maxLength: liars }),
        fc.array(honest, { minLength: liars + 1, maxLength: liars + 1 }),
      ),
    )
  fc.assert(
    fc.property(votes, ([lies, truths]) => {
      const answers = [...lies, ...truths].map((time) => ({ from: '', time: time - 4000, at: 1000 }))
      const found = median(answers, clock)
      assert.ok(found !== undefined && Math.abs(found.time + 4000 - NOW) <= 100)
    }),
  )
  assert.is(median([], clock), undefined)
})

test('a time before the image, or 16 years after it, is not believed', () => {
  assert.is(implausible(MADE, MADE), undefined)
  assert.is(implausible(MADE + 14 * 366 * DAY, MADE), undefined)
  assert.match(implausible(MADE - 1, MADE) ?? '', 'but this system was made 2026-01-01T00:00:00Z')
  assert.match(implausible(MADE + 16 * 366 * DAY, MADE) ?? '', /^it says 2042-/)
})

test('time servers of the leases, without those of the BMC', async () => {
  const bmc = 'enx525400aa0004'
  const lease = (ntp: string) =>
    `# This is private data. Do not parse.\nADDRESS=10.0.2.15\nNTP=${ntp}\nDNS=10.0.2.3`
  const { root } = openMachine('qemu-bios-server', {
    files: {
      '/sys/class/net/enp0s9/ifindex': '2',
      '/sys/class/net/enp0s10/ifindex': '3',
      [`/sys/class/net/${bmc}/ifindex`]: '4',
      '/run/systemd/netif/leases/2': lease('10.0.0.1 10.0.0.2'),
      '/run/systemd/netif/leases/3': lease('10.0.0.2'),
      '/run/systemd/netif/leases/4': lease('10.9.9.9'),
    },
  })
  assert.equal(await readLeaseTimeServers(root), ['10.0.0.2', '10.0.0.1'])
  assert.equal(await readLeaseTimeServers(openMachine('qemu-bios-server').root), [])
})

test('when this system was made', async () => {
  const made = await readTimeMade(createMachineRoot('/'))
  assert.ok(made > Date.UTC(2019, 0) && made <= Date.now())
  assert.is(await readTimeMade(createMachineRoot('/nonexistent')), 0)
})

test('the servers that a boot uses anyway', () => {
  const words = parseCommandLine('quiet root=live:http://h/rootfs.squashfs root=/dev/sda BOOTIF=x')
  assert.equal(bootUrls(words, ['https://j/${mac}', null, 'nats://n']), [
    'http://h/rootfs.squashfs',
    'https://j/${mac}',
  ])
  assert.equal(bootUrls([], []), [])
})

test.run()
