import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as z from 'zod'
import { createExec } from '../../src/system/exec.ts'
import { MINUTE, netboot } from './guest.ts'
import { createSshKey, harnessDeps, type Machine, type NetworkCard } from './harness/index.ts'

const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })
const dir = mkdtempSync(join(tmpdir(), 'speediso-network-'))
const key = await createSshKey(dir, createExec())
test.after(() => rmSync(dir, { recursive: true }))

/** Each on a network of its own, whose DHCP server offers a default route and a name server. */
const [first, second, bmc] = [
  { model: 'virtio-net-pci', mac: '52:54:00:00:01:01' },
  { model: 'virtio-net-pci', mac: '52:54:00:00:01:02', network: '10.0.3.0/24' },
  { model: 'usb-net', mac: '52:54:00:00:01:03', network: '10.0.9.0/24' },
] as const satisfies NetworkCard[]
const FIRST = '10.0.2.15'
const SECOND = '10.0.3.15'
const BMC = '10.0.9.15'

const addressesSchema = z.array(
  z.object({ ifname: z.string(), address: z.string(), addr_info: z.array(z.object({ local: z.string() })) }),
)
const routesSchema = z.array(
  z.object({ dev: z.string(), metric: z.number().optional(), prefsrc: z.string() }),
)

interface Network {
  /** MAC of each card -> its name. */
  names: Record<string, string>
  /** MAC -> IPv4 addresses. */
  addresses: Record<string, string[]>
  /** Default routes of IPv4: MAC and metric. */
  routes: [mac: string | undefined, metric: number | undefined][]
  /** Source address of packets to somewhere else. */
  source: string | undefined
}

async function run(machine: Machine, ...command: string[]): Promise<string> {
  return (await machine.ssh(command, key)).stdout
}

async function readNetwork(machine: Machine): Promise<Network> {
  const json = async (...args: string[]) =>
    JSON.parse(await run(machine, 'ip', '-4', '-j', ...args)) as unknown
  const links = addressesSchema.parse(JSON.parse(await run(machine, 'ip', '-j', 'address')))
  const ipv4 = /^\d+(\.\d+){3}$/
  const routes = routesSchema.parse(await json('route', 'show', 'default'))
  const [way] = routesSchema.parse(await json('route', 'get', '192.0.2.1'))
  return {
    names: Object.fromEntries(links.map(({ address, ifname }) => [address, ifname])),
    addresses: Object.fromEntries(
      links.map(({ address, addr_info }) => [
        address,
        addr_info.map(({ local }) => local).filter((local) => ipv4.test(local)),
      ]),
    ),
    routes: routes.map(({ dev, metric }) => [links.find(({ ifname }) => ifname === dev)?.address, metric]),
    source: way?.prefsrc,
  }
}

/** Until speediso has let the key in; then all cards but those that were not asked for have their addresses. */
async function ready(machine: Machine): Promise<void> {
  await machine.serial.waitFor('SSH: 1 authorized key', { limit: 8 * MINUTE })
  await machine.waitForSsh({ limit: MINUTE })
}

const ask = (words: string) => `${words} speediso.ssh.keys="${key.publicKey}"`
const shownAt = (machine: Machine, address: string) =>
  machine.serial.waitFor(new RegExp(`Live log: \\S*//${address.replaceAll('.', '\\.')}:7373/`), {
    limit: MINUTE,
  })

/** The clock of the guest and ours, in seconds since 1970. */
async function clocks(machine: Machine): Promise<[guest: number, ours: number]> {
  return [Number(await run(machine, 'date', '-u', '+%s')), Date.now() / 1000]
}

test('the card of BOOTIF has the default route and reports, although ip=dhcp is for all; that of the BMC has none', async () => {
  await using booted = await netboot(
    {
      ask: ask(`ip=dhcp BOOTIF=01-${second.mac.replaceAll(':', '-')}`),
      whole: true,
      networkCards: [first, second, bmc],
      forwardedPorts: [22],
    },
    deps,
  )
  const { machine } = booted
  await ready(machine)
  const { routes, source, addresses } = await readNetwork(machine)
  assert.equal(routes[0], [second.mac, 100])
  assert.equal(routes.map(([mac]) => mac).toSorted(), [first.mac, second.mac])
  assert.is(source, SECOND)
  assert.equal([addresses[first.mac], addresses[bmc.mac]], [[FIRST], [BMC]])
  const servers = await run(machine, 'resolvectl', 'dns')
  assert.match(servers, '10.0.3.3')
  assert.not.match(servers, '10.0.9.3')
  await shownAt(machine, SECOND)
})

test('control: without BOOTIF no card is preferred; the root does not come over the BMC; a clock of 2001 is put right', async () => {
  await using booted = await netboot(
    {
      ask: ask(`rd.bootif=0 BOOTIF=01-${second.mac.replaceAll(':', '-')}`),
      whole: true,
      networkCards: [first, second, bmc],
      forwardedPorts: [22],
      clock: '2001-01-01T00:00:00',
    },
    deps,
  )
  const { machine } = booted
  const { serial } = machine
  const link = async (up: boolean) => {
    for (const name of ['net0', 'net1']) await machine.qmp('set_link', { name, up })
  }
  // The card of the BMC is the first with an address.
  await serial.waitFor('Linux version', { limit: 4 * MINUTE })
  await link(false)
  await serial.waitFor('leads to the BMC: waiting for another card', { limit: 4 * MINUTE })
  assert.not.ok(serial.lines.some((line) => line.includes('speediso: fetching')))
  await link(true)
  await ready(machine)
  const { routes, addresses } = await readNetwork(machine)
  assert.equal(routes.toSorted(), [
    [first.mac, 2048],
    [second.mac, 2048],
  ])
  assert.equal(addresses[bmc.mac], [BMC])
  assert.match(
    await run(machine, 'journalctl', '-k', '--no-pager'),
    'setting system clock to 2001-01-01T00:0',
  )
  const [guest, ours] = await clocks(machine)
  assert.ok(Math.abs(guest - ours) < 300, `the guest is at ${guest}, this is ${ours}`)
})

test('a card that ip= names is configured by that alone; a clock of 2035 is put back', async () => {
  // Of the first card: it stands in the PCI slot after the USB controller.
  const name = 'enp0s3'
  await using booted = await netboot(
    {
      ask: ask(`ip=${name}:dhcp`),
      whole: true,
      networkCards: [first, second, bmc],
      forwardedPorts: [22],
      clock: '2035-01-01T00:00:00',
    },
    deps,
  )
  const { machine } = booted
  await ready(machine)
  const { names, routes, source } = await readNetwork(machine)
  assert.is(names[first.mac], name)
  const status = await run(machine, 'networkctl', 'status', name, '--no-pager')
  assert.match(status, `/run/systemd/network/70-${name}.network`)
  assert.equal(routes, [
    [first.mac, 1024],
    [second.mac, 2048],
  ])
  assert.is(source, FIRST)
  // By the same identifier as in the initramfs (RFC 2132, 9.14: hardware type 1 and the MAC), hence the same address.
  const leases = await run(machine, 'sh', '-c', 'cat /run/systemd/netif/leases/*')
  assert.match(leases, `CLIENTID=01${first.mac.replaceAll(':', '')}`)
  await shownAt(machine, FIRST)
  await machine.serial.waitFor(/the clock said 2035-01-01T00:0\S+, but web server .* says .*; set to /, {
    limit: MINUTE,
  })
  const [guest, ours] = await clocks(machine)
  assert.ok(Math.abs(guest - ours) < 300, `the guest is at ${guest}, this is ${ours}`)
})

test.run()
