import { copyFileSync, existsSync, mkdtempSync, readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ToolMissingError } from '../../src/errors.ts'
import { deliverySchema } from '../../src/runtime/deliver/state.ts'
import type { Exec } from '../../src/system/exec.ts'
import {
  FAST,
  IDENTITY,
  type Received,
  reportOf,
  startDelivery,
  startReceiver,
  until,
} from './helpers/deliver.ts'
import { createMemoryRoot } from './helpers/memory-root.ts'
import { temporaryDir } from './helpers/temporary.ts'

const TOKEN = '21fefcb4-e580-4c71-895c-4816741b55fa'
const MAC = '52:54:00:12:34:56'

/** `ip -json address`, shortened. */
const LINKS = [
  { ifname: 'lo', link_type: 'loopback', address: '00:00:00:00:00:00', addr_info: [] },
  {
    ifname: 'eth0',
    link_type: 'ether',
    address: MAC,
    addr_info: [
      { family: 'inet', local: '10.1.2.3', prefixlen: 20, scope: 'global' },
      { family: 'inet6', local: 'fe80::1', prefixlen: 64, scope: 'link' },
      { family: 'inet6', local: 'fd00::3', prefixlen: 64, scope: 'global' },
    ],
  },
  { ifname: 'eth1', link_type: 'ether', address: '52:54:00:AA:BB:CC', addr_info: [] },
  {
    ifname: 'bond0.7',
    link_type: 'ether',
    address: '52:54:00:AA:BB:CC',
    addr_info: [{ family: 'inet', local: '10.9.9.9', prefixlen: 32, scope: 'global' }],
  },
]

const ipExec: Exec = (file) => {
  if (file !== 'ip') return Promise.reject(new ToolMissingError(`${file}: not installed`))
  return Promise.resolve({ stdout: JSON.stringify(LINKS), stderr: '', exitCode: 0 })
}

const found = (value: unknown) => ({ status: 'known', value, sources: [] })
const lost = { status: 'unknown', reason: 'r', sources: [] }
const INVENTORY = {
  schema: 'speediso.inventory/1',
  sections: {
    system: found({ manufacturer: found('Dell Inc.'), product: found('PowerEdge R650'), serial: lost }),
    bios: found({ vendor: found('Dell'), version: found('1.2'), date: lost }),
    board: found([{ manufacturer: found('Dell'), product: found('0PJ80M'), serial: found('B1') }]),
    cpu: found({
      model: found('Xeon 6338'),
      packages: found(2),
      threads: found(128),
      hypervisor: found(false),
    }),
    memory: found({ totalBytes: found(2_094_153_687) }),
    disks: found({
      disks: [
        {
          name: 'sda',
          vendor: found('ATA'),
          model: found('M1'),
          serial: found('S1'),
          sizeBytes: found(480e9),
        },
        { name: 'nvme0n1', vendor: lost, model: found('M2'), serial: lost, sizeBytes: found(960e9) },
      ],
    }),
  },
}

const withInventory = (result: unknown = INVENTORY) => {
  const time = '2026-01-02T03:04:05.000Z'
  const task = { task: 'inventory', verdict: 'passed' as const, facts: null, steps: [], result }
  return reportOf({ tasks: [{ ...task, started: time, ended: time, seconds: 1 }] })
}

function root() {
  const tree = createMemoryRoot('/r')
  tree.put('/proc/sys/kernel/arch', 'x86_64\n')
  return tree
}

/**
 * Answers as Foreman's controllers do: `facts` of api/v2/discovered_hosts_controller.rb with `import_host` of
 * host/discovered.rb, and `built` of unattended_controller.rb. Everything else is not found.
 */
function foreman(host: { token: string; build: boolean }) {
  return ({ method, path, headers, body }: Received): number => {
    const url = new URL(path, 'http://h')
    if (method === 'POST' && url.pathname === '/api/v2/discovered_hosts/facts') {
      if (headers['content-type'] !== 'application/json') return 415
      const { facts } = JSON.parse(String(body)) as { facts?: Record<string, unknown> }
      if (facts === undefined) return 400
      const boot = facts.discovery_bootif
      // As the interfaces are parsed: by name out of `interfaces`, without those of no use.
      const own = String(facts.interfaces).split(',')
      const primary = own.find((name) => facts[`macaddress_${name}`] === boot)
      return boot === undefined || primary === undefined || facts[`ipaddress_${primary}`] === undefined
        ? 422
        : 201
    }
    if ((method === 'POST' || method === 'GET') && url.pathname === '/unattended/built') {
      if (url.searchParams.get('token') !== host.token) return 404
      if (!host.build) return 405
      host.build = false
      return 201
    }
    return 404
  }
}

/** In place of the token that a host had there is none, once it has left build mode. */
function foremanThatForgets(host: { token: string; build: boolean }) {
  const answer = foreman(host)
  return (got: Received): number => (host.build ? answer(got) : 404)
}

const serverOf = (url: string) => url.replace('/report', '/')

test('without a token: the facts of the host, by the names that Foreman knows', async () => {
  await using server = await startReceiver(foreman({ token: TOKEN, build: false }))
  const line = `speediso.foreman=${serverOf(server.url)}`
  await using bench = await startDelivery(line, { exec: ipExec, root: root() })
  assert.is(await bench.delivery.deliver(withInventory()), 'nowhere')
  assert.is(server.got.length, 1)
  assert.is(bench.delivery.state().foreman?.state, 'accepted')
  const { facts } = JSON.parse(String(server.got[0]?.body)) as { facts: Record<string, unknown> }
  assert.ok(!Number.isNaN(Date.parse(String(facts._timestamp))))
  delete facts._timestamp
  assert.equal(facts, {
    _type: 'foreman_discovery',
    discovery_bootif: MAC,
    hostname: 'node1',
    uuid: IDENTITY.uuid,
    serialnumber: 'SER1',
    architecture: 'x86_64',
    hardwaremodel: 'x86_64',
    macaddress: MAC,
    ipaddress: '10.1.2.3',
    netmask: '255.255.240.0',
    ipaddress6: 'fd00::3',
    interfaces: 'eth0,eth1,bond0_7',
    macaddress_eth0: MAC,
    ipaddress_eth0: '10.1.2.3',
    netmask_eth0: '255.255.240.0',
    ipaddress6_eth0: 'fd00::3',
    macaddress_eth1: '52:54:00:aa:bb:cc',
    macaddress_bond0_7: '52:54:00:aa:bb:cc',
    ipaddress_bond0_7: '10.9.9.9',
    netmask_bond0_7: '255.255.255.255',
    manufacturer: 'Dell Inc.',
    productname: 'PowerEdge R650',
    bios_vendor: 'Dell',
    bios_version: '1.2',
    boardmanufacturer: 'Dell',
    boardproductname: '0PJ80M',
    boardserialnumber: 'B1',
    processor0: 'Xeon 6338',
    processorcount: 128,
    physicalprocessorcount: 2,
    is_virtual: false,
    memorysize_mb: '1997.14',
    memorysize: '1.95 GB',
    blockdevices: 'sda,nvme0n1',
    blockdevice_sda_size: 480e9,
    blockdevice_sda_vendor: 'ATA',
    blockdevice_sda_model: 'M1',
    blockdevice_sda_serial: 'S1',
    blockdevice_nvme0n1_size: 960e9,
    blockdevice_nvme0n1_model: 'M2',
  })
})

test('without an inventory, and with one of another shape, what is known otherwise is sent', async () => {
  await using server = await startReceiver(foreman({ token: TOKEN, build: false }))
  const odd = { sections: { cpu: found({ model: 7 }), memory: [], disks: found({ disks: [{ name: 3 }] }) } }
  for (const report of [withInventory(null), withInventory(odd)]) {
    const line = `speediso.foreman=${serverOf(server.url)}`
    await using bench = await startDelivery(line, { exec: ipExec, root: root() })
    await bench.delivery.deliver(report)
    const { facts } = JSON.parse(String(server.got.at(-1)?.body)) as { facts: Record<string, unknown> }
    assert.equal([facts.macaddress, facts.memorysize_mb, facts.blockdevices], [MAC, undefined, undefined])
    assert.is(bench.delivery.state().foreman?.state, 'accepted')
  }
})

test('the interface that Foreman takes for the first is that of the reporting card', async () => {
  await using server = await startReceiver(() => 201)
  const first = async (exec: Exec, mac?: string) => {
    const line = `speediso.foreman=${serverOf(server.url)}`
    await using bench = await startDelivery(line, { exec, root: root(), mac })
    await bench.delivery.deliver(reportOf())
    const { facts } = JSON.parse(String(server.got.at(-1)?.body)) as { facts: Record<string, string> }
    return [facts.discovery_bootif, facts.macaddress, facts.ipaddress]
  }
  assert.equal(
    await first(ipExec, '52:54:00:AA:BB:CC'),
    Array(2).fill('52:54:00:aa:bb:cc').concat('10.9.9.9'),
  )
  assert.equal(await first(ipExec), [MAC, MAC, '10.1.2.3'])
  assert.equal(await first((file) => Promise.reject(new ToolMissingError(file))), [MAC, MAC, undefined])
})

test('facts that Foreman will not have are said once, with its words, and not sent again', async () => {
  await using server = await startReceiver(() => (response) => {
    response.writeHead(422).end('{"message":"Host already exists as managed"}')
  })
  await using bench = await startDelivery(`speediso.foreman=${serverOf(server.url)}`, {
    exec: ipExec,
    root: root(),
  })
  await bench.delivery.deliver(withInventory())
  assert.is(server.got.length, 1)
  assert.is(bench.delivery.state().foreman?.state, 'refused')
  assert.match(
    (await bench.said()).join('\n'),
    /^Foreman: .*answers 422: .*exists as managed.*; given up\nForeman: it does not have the facts of this host$/,
  )
  assert.is(await bench.delivery.beforeAfter('reboot'), true)
})

test('with a token: built, once the job has passed; no facts, for those would make a second host', async () => {
  const host = { token: TOKEN, build: true }
  await using server = await startReceiver(foreman(host))
  const line = `speediso.foreman=${serverOf(server.url)} speediso.foreman.token=${TOKEN}`
  await using bench = await startDelivery(line, { exec: ipExec, root: root() })
  await bench.delivery.deliver(withInventory())
  assert.equal([host.build, server.got.length], [false, 1])
  const [got] = server.got
  assert.is(got?.path, `/unattended/built?token=${TOKEN}`)
  assert.is(got?.headers['content-type'], 'text/plain')
  assert.is(String(got?.body), '')
})

for (const verdict of ['failed', 'unknown', null] as const) {
  test(`a job that is ${verdict} is never built`, async () => {
    const host = { token: TOKEN, build: true }
    await using server = await startReceiver(foreman(host))
    const line = `speediso.foreman=${serverOf(server.url)} speediso.foreman.token=${TOKEN}`
    await using bench = await startDelivery(line, { exec: ipExec, root: root() })
    await bench.delivery.deliver(reportOf({ verdict }))
    assert.is(await bench.delivery.beforeAfter('reboot'), true)
    assert.equal([host.build, server.got.length], [true, 0])
    assert.match((await bench.said()).join('\n'), 'not told that the host is built')
  })
}

test('built that is not accepted keeps the machine up: a reboot would install it again', async () => {
  const host = { token: TOKEN, build: true }
  await using server = await startReceiver(() => 409)
  const line = `speediso.foreman=${serverOf(server.url)} speediso.foreman.token=${TOKEN} speediso.report.wait=100ms`
  await using bench = await startDelivery(line, { exec: ipExec, root: root() })
  await bench.delivery.deliver(reportOf())
  const going = bench.delivery.beforeAfter('reboot')
  await until(() => bench.delivery.state().held === 'reboot')
  assert.match((await bench.said()).join('\n'), 'reboot waits: Foreman does not know that this host is built')
  server.behave = foreman(host)
  assert.is(await going, true)
  assert.is(host.build, false)
})

test('a host that is not in build mode has nothing to wait for', async () => {
  await using server = await startReceiver(foreman({ token: TOKEN, build: false }))
  const line = `speediso.foreman=${serverOf(server.url)} speediso.foreman.token=${TOKEN}`
  await using bench = await startDelivery(line, { exec: ipExec, root: root() })
  await bench.delivery.deliver(reportOf())
  assert.is(bench.delivery.state().foreman?.state, 'accepted')
  assert.match((await bench.said()).join('\n'), 'Foreman: this host is not in build mode')
})

for (const [what, lose] of [
  ['cut off', (response: ServerResponse) => void response.destroy()],
  ['never came', () => {}],
  ['was lost by the proxy before it', (response: ServerResponse) => void response.writeHead(502).end()],
] as const) {
  test(`the answer to built ${what}: that the token is no longer known counts as done`, async () => {
    const host = { token: TOKEN, build: true }
    const heard = foremanThatForgets(host)
    await using server = await startReceiver((got, count) => {
      const status = heard(got)
      return count === 1 ? lose : status
    })
    const line = `speediso.foreman=${serverOf(server.url)} speediso.foreman.token=${TOKEN}`
    await using bench = await startDelivery(line, { exec: ipExec, root: root() })
    await bench.delivery.deliver(reportOf())
    assert.equal([host.build, server.got.length], [false, 2])
    assert.is(bench.delivery.state().foreman?.state, 'accepted')
    assert.match((await bench.said()).join('\n'), 'Foreman: it no longer knows the token')
    assert.is(await bench.delivery.beforeAfter('reboot'), true)
  })
}

test('a process that was ended in the middle of built: the next one of this boot takes a 404 for done', async () => {
  const host = { token: TOKEN, build: true }
  const heard = foremanThatForgets(host)
  await using server = await startReceiver((got) => {
    heard(got)
    return () => {}
  })
  const line = `speediso.foreman=${serverOf(server.url)} speediso.foreman.token=${TOKEN} speediso.report.wait=50ms`
  const file = (dir: string) => join(dir, 'delivery.json')
  const killed = mkdtempSync(join(temporaryDir(), 'killed-'))
  {
    await using bench = await startDelivery(line, {
      exec: ipExec,
      root: root(),
      pace: { answer: { ...FAST.answer, foreman: 60_000 } },
    })
    void bench.delivery.deliver(reportOf())
    await server.until(() => server.got.length === 1)
    await until(
      () =>
        existsSync(file(bench.dir)) &&
        readFileSync(file(bench.dir), 'utf8').includes('"may_have_arrived": true'),
    )
    copyFileSync(file(bench.dir), file(killed))
    bench.stop()
  }
  server.behave = heard
  await using next = await startDelivery(line, { exec: ipExec, root: root(), dir: killed })
  await next.delivery.deliver(reportOf())
  assert.is(next.delivery.state().foreman?.state, 'accepted')
})

test('negative control: a 404 to the first call that can have arrived stays an error, also after one that cannot', async () => {
  const gone = await startReceiver()
  await gone[Symbol.asyncDispose]()
  const line = `speediso.foreman=${serverOf(gone.url)} speediso.foreman.token=${TOKEN} speediso.report.wait=300ms`
  await using bench = await startDelivery(line, { exec: ipExec, root: root() })
  const delivering = bench.delivery.deliver(reportOf())
  await until(() => bench.events.last > 0)
  await using server = await startReceiver(() => 404, Number(new URL(gone.url).port))
  await delivering
  assert.ok(server.got.length > 1)
  assert.is(bench.delivery.state().foreman?.state, 'trying')
  const { dir } = bench
  await bench[Symbol.asyncDispose]()
  await using again = await startDelivery(line, { exec: ipExec, root: root(), dir })
  await again.delivery.deliver(reportOf())
  assert.is(again.delivery.state().foreman?.state, 'trying', 'nor does another process believe it')
})

test('told to stop: Foreman is told that the host is built all the same', async () => {
  const host = { token: TOKEN, build: true }
  await using server = await startReceiver(foreman(host))
  const line = `speediso.foreman=${serverOf(server.url)} speediso.foreman.token=${TOKEN}`
  await using bench = await startDelivery(line, { exec: ipExec, root: root() })
  bench.stop()
  await bench.delivery.deliver(reportOf())
  assert.is(host.build, false)
})

test('told to stop: facts are not sent, and nothing fails', async () => {
  await using server = await startReceiver(() => 201)
  const exec: Exec = (_file, _args, options) => Promise.reject(options?.signal?.reason)
  await using bench = await startDelivery(`speediso.foreman=${serverOf(server.url)}`, { exec, root: root() })
  bench.stop()
  assert.is(await bench.delivery.deliver(reportOf()), 'nowhere')
  assert.equal(server.got, [])
})

test('facts that are not accepted in time are not refused', async () => {
  await using server = await startReceiver(() => 503)
  const line = `speediso.foreman=${serverOf(server.url)} speediso.report.wait=50ms`
  await using bench = await startDelivery(line, { exec: ipExec, root: root() })
  await bench.delivery.deliver(reportOf())
  assert.is(bench.delivery.state().foreman?.state, 'not-accepted')
  await bench[Symbol.asyncDispose]()
  const shown = deliverySchema.parse(JSON.parse(readFileSync(join(bench.dir, 'delivery.json'), 'utf8')))
  assert.is(shown.foreman?.state, 'not-accepted')
})

for (const [token, what] of [
  ['', 'the facts of this host'],
  [` speediso.foreman.token=${TOKEN}`, 'that this host is built'],
] as const) {
  test(`a trial tells Foreman nothing, and says so: ${what}`, async () => {
    await using server = await startReceiver()
    const line = `speediso.report=${server.url} speediso.foreman=${serverOf(server.url)}${token}`
    await using bench = await startDelivery(line, { exec: ipExec, root: root(), trial: true })
    assert.is(await bench.delivery.deliver(reportOf()), 'accepted')
    assert.equal(server.took, ['report'])
    assert.equal(await bench.said(), [`a real boot would now tell Foreman ${what}`])
  })
}

test('the token stands in no message, whether Foreman is away or refuses', async () => {
  const server = await startReceiver(() => 404)
  const line = `speediso.foreman=${serverOf(server.url)} speediso.foreman.token=${TOKEN} speediso.report.wait=50ms`
  await using refused = await startDelivery(line, { exec: ipExec, root: root() })
  await refused.delivery.deliver(reportOf())
  await server[Symbol.asyncDispose]()
  await using away = await startDelivery(line, { exec: ipExec, root: root() })
  await away.delivery.deliver(reportOf())
  for (const bench of [refused, away]) {
    assert.match((await bench.said()).join('\n'), '/unattended/built')
    assert.not.match((await bench.said()).join('\n'), TOKEN)
    assert.not.match(JSON.stringify(bench.delivery.state()), TOKEN)
  }
})

test.run()
