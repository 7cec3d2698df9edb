import type { NetworkInterfaceInfo } from 'node:os'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseCommandLine } from '../../src/job/cmdline.ts'
import { interfaceOfIp, namedCards, parseBootif } from '../../src/system/network/boot-interface.ts'
import {
  type CardState,
  chooseReportingCard,
  type NoReportingCard,
  type ReportingCard,
  readReportingCard,
} from '../../src/system/network/reporting-card.ts'
import { readDefaultRoutes } from '../../src/system/network/routes.ts'
import { type Changes, openMachine } from './helpers/machine-tree.ts'

for (const [value, mac] of [
  ['01-52-54-00-12-34-56', '52:54:00:12:34:56'],
  ['01-52-54-00-AB-CD-EF', '52:54:00:ab:cd:ef'],
  ['52-54-00-12-34-56', '52:54:00:12:34:56'],
  ['52:54:00:12:34:56', '52:54:00:12:34:56'],
  ['01:52:54:00:12:34:56', '52:54:00:12:34:56'],
  ['20-52-54-00-12-34-56', '52:54:00:12:34:56'],
  ['', undefined],
  ['eth0', undefined],
  ['01-01-52-54-00-12-34-56', undefined],
  ['52-54-00-12-34', undefined],
  ['52-54-00-12-34-5g', undefined],
] as const) {
  test(`BOOTIF=${value}`, () => assert.is(parseBootif(value), mac))
}

for (const [value, name] of [
  ['dhcp', undefined],
  ['', undefined],
  ['eth0:dhcp', 'eth0'],
  ['enp1s0f0:dhcp6:9000:52:54:00:12:34:56', 'enp1s0f0'],
  ['10.0.0.2::10.0.0.1:255.255.255.0:h:eth7:none', 'eth7'],
  ['10.0.0.2::10.0.0.1:255.255.255.0::bond0.5:off:8.8.8.8', 'bond0.5'],
  [':::::eth1:dhcp', 'eth1'],
  ['10.0.0.2::10.0.0.1:255.255.255.0:h::none', undefined],
  ['10.0.0.2', undefined],
  ['[2001:db8::2]::[2001:db8::1]:64:h:eth3:none', 'eth3'],
  ['[2001:db8::2]::[2001:db8::1]:64:h', undefined],
] as const) {
  test(`ip=${value} names ${name ?? 'no card'}`, () => assert.is(interfaceOfIp(value), name))
}

test('BOOTIF before ip=, the last BOOTIF counts, and rd.bootif=0 turns it off', () => {
  const named = (text: string) => namedCards(parseCommandLine(text))
  const text = 'ip=eth0:dhcp BOOTIF=01-00-00-00-00-00-01 BOOTIF=01-00-00-00-00-00-02 ip=eth1:dhcp'
  const byName = [
    { by: 'ip', name: 'eth0' },
    { by: 'ip', name: 'eth1' },
  ]
  assert.equal(named(text), [{ by: 'BOOTIF', mac: '00:00:00:00:00:02' }, ...byName])
  for (const off of ['0', 'no', 'off']) assert.equal(named(`${text} rd.bootif=${off}`), byName)
  assert.is(named(`${text} rd.bootif=0 rd.bootif`).length, 3)
  assert.equal(named('BOOTIF ip=dhcp quiet'), [])
})

function info(address: string): NetworkInterfaceInfo {
  const rest = { address, netmask: '', mac: '', internal: false, cidr: null }
  return address.includes(':') ? { ...rest, family: 'IPv6', scopeid: 0 } : { ...rest, family: 'IPv4' }
}

const HEADER = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'
const ipv4 = (name: string, metric: number, flags = '0003', destination = '00000000') =>
  `${name}\t${destination}\t0202000A\t${flags}\t0\t0\t${metric}\t${destination}\t0\t0\t0`
const ZERO = '0'.repeat(32)
const ipv6 = (name: string, metric: number, flags = '00450003', length = '00') =>
  `${ZERO} ${length} ${ZERO} 00 fe80${'0'.repeat(27)}2 ${metric.toString(16).padStart(8, '0')} 00000001 00000000 ${flags}     ${name}`

const BMC = 'enx525400aa0004'
/** Of the recorded server: three cards of its own, and the USB card of its BMC; all with link. */
const LINKS = Object.fromEntries(
  ['enp0s9', 'enp0s10', 'enp0s11', BMC].map((name) => [`/sys/class/net/${name}/carrier`, '1']),
)

interface Setting {
  commandLine?: string
  routes?: string[]
  routes6?: string[]
  addresses?: Record<string, string[]>
  files?: NonNullable<Changes['files']>
}

async function onServer(setting: Setting): Promise<ReportingCard | NoReportingCard> {
  const files = {
    ...LINKS,
    '/proc/net/route': [HEADER, ...(setting.routes ?? [])].join('\n'),
    '/proc/net/ipv6_route': (setting.routes6 ?? []).join('\n'),
    ...setting.files,
  }
  const addresses = Object.entries(setting.addresses ?? {}).map(([name, list]) => [name, list.map(info)])
  return readReportingCard({
    root: openMachine('qemu-bios-server', { files }).root,
    words: parseCommandLine(setting.commandLine ?? 'quiet'),
    addresses: () => Object.fromEntries(addresses),
  })
}

/** Everything a default route, and addresses on every card. */
const all: Setting = {
  routes: [ipv4(BMC, 10), ipv4('enp0s9', 2048), ipv4('enp0s10', 1024), ipv4('enp0s11', 2048)],
  addresses: {
    [BMC]: ['169.254.3.1', '10.9.0.2'],
    enp0s9: ['10.0.1.2'],
    enp0s10: ['fe80::1', '2001:db8::10', '10.0.2.2'],
    enp0s11: ['10.0.3.2'],
  },
}

const choices: [
  name: string,
  setting: Setting,
  card: string | undefined,
  address?: string | undefined,
  why?: RegExp,
][] = [
  ['the preferred default route', all, 'enp0s10', '10.0.2.2', /^it has the default route \(metric 1024\)$/],
  [
    'BOOTIF before the default route',
    { ...all, commandLine: 'BOOTIF=01-52-54-00-AA-00-03' },
    'enp0s11',
    '10.0.3.2',
    /^the kernel command line names it \(BOOTIF=52:54:00:aa:00:03\)$/,
  ],
  ['rd.bootif=0', { ...all, commandLine: 'BOOTIF=01-52-54-00-aa-00-03 rd.bootif=0' }, 'enp0s10'],
  [
    'ip= before the default route',
    { ...all, commandLine: 'ip=enp0s9:dhcp' },
    'enp0s9',
    '10.0.1.2',
    /ip=enp0s9/,
  ],
  ['ip=dhcp names nobody', { ...all, commandLine: 'ip=dhcp' }, 'enp0s10'],
  [
    'BOOTIF of a card that is not there',
    { ...all, commandLine: 'BOOTIF=01-52-54-00-ff-ff-ff' },
    'enp0s10',
    '10.0.2.2',
    /^it has the default route .*; BOOTIF=52:54:00:ff:ff:ff: there is no such card$/,
  ],
  ['a named card without an address', { commandLine: 'BOOTIF=52:54:00:aa:00:01' }, 'enp0s9', 'none'],
  [
    'the card of the BMC, named by BOOTIF',
    { ...all, commandLine: 'BOOTIF=01-52-54-00-aa-00-04' },
    BMC,
    '10.9.0.2',
    /BOOTIF=52:54:00:aa:00:04\), which leads to the BMC$/,
  ],
  [
    'the card of the BMC, named by ip=',
    { ...all, commandLine: `ip=${BMC}:dhcp` },
    'enp0s10',
    '10.0.2.2',
    /that one leads to the BMC$/,
  ],
  [
    'only the card of the BMC has a route',
    { ...all, routes: [ipv4(BMC, 10)] },
    'enp0s10',
    '10.0.2.2',
    /first one with link and address/,
  ],
  [
    'only the card of the BMC has an address',
    { routes: [ipv4(BMC, 10)], addresses: { [BMC]: ['10.9.0.2'] } },
    undefined,
    undefined,
    /^no network card has link and address; enx525400aa0004 leads to the BMC$/,
  ],
  ['only link-local addresses', { addresses: { enp0s9: ['169.254.1.1', 'fe80::1'] } }, undefined],
  ['nothing at all', {}, undefined],
  [
    'a card without link',
    { ...all, routes: [], files: { '/sys/class/net/enp0s10/carrier': '0' } },
    'enp0s11',
  ],
  [
    'IPv6 alone',
    {
      routes6: [ipv6('lo', 1, '00200200'), ipv6('enp0s9', 1024)],
      addresses: { enp0s9: ['fe80::2', '2001:db8::2'] },
    },
    'enp0s9',
    '2001:db8::2',
  ],
  [
    'a better route of IPv6',
    { ...all, routes6: [ipv6('enp0s11', 100)] },
    'enp0s11',
    '10.0.3.2',
    /metric 100\)/,
  ],
  ['equal routes: IPv4', { ...all, routes6: [ipv6('enp0s11', 1024)] }, 'enp0s10'],
  [
    'no default routes: a network, a rejected one, one that is down',
    {
      ...all,
      routes: [
        ipv4('enp0s11', 0, '0001', '0002000A'),
        ipv4('enp0s11', 1, '0201'),
        ipv4('enp0s11', 2, '0002'),
      ],
      routes6: [ipv6('enp0s11', 1, '00450003', '40')],
    },
    'enp0s10',
    '10.0.2.2',
    /first one/,
  ],
  ['damaged routes', { ...all, routes: ['', 'enp0s9'], routes6: ['x y z'] }, 'enp0s10'],
  [
    'a default route over something without a MAC',
    { ...all, routes: [ipv4('wg0', 1), ipv4('enp0s11', 5)] },
    'enp0s11',
  ],
]
for (const [name, setting, card, address, why] of choices) {
  test(name, async () => {
    const chosen = await onServer(setting)
    assert.is(chosen.name, card, chosen.why)
    if (address !== undefined) assert.is((chosen as Partial<ReportingCard>).address ?? 'none', address)
    if (why !== undefined) assert.match(chosen.why, why)
  })
}

test('a card in a bond is found by the MAC that it was made with, and has the address of the bond', async () => {
  const bond = '/sys/devices/virtual/net/bond0'
  const chosen = await onServer({
    commandLine: 'BOOTIF=01-52-54-00-aa-00-02',
    addresses: { bond0: ['10.0.7.7'] },
    files: {
      '/sys/class/net/bond0': { link: '../../devices/virtual/net/bond0' },
      [`${bond}/address`]: '52:54:00:aa:00:01',
      '/sys/class/net/enp0s9/master': { link: '../../../../virtual/net/bond0' },
      '/sys/class/net/enp0s9/bonding_slave/perm_hwaddr': '52:54:00:aa:00:01',
      '/sys/class/net/enp0s10/address': '52:54:00:aa:00:01',
      '/sys/class/net/enp0s10/master': { link: '../../../../virtual/net/bond0' },
      '/sys/class/net/enp0s10/bonding_slave/perm_hwaddr': '52:54:00:aa:00:02',
    },
  })
  const { name, mac, address } = chosen as ReportingCard
  assert.equal([name, mac, address], ['enp0s10', '52:54:00:aa:00:02', '10.0.7.7'])
})

test('of a card and its VLAN with the same MAC it is the card', async () => {
  const { root } = openMachine('qemu-uefi-odd')
  const words = parseCommandLine('BOOTIF=01-52-54-00-bb-00-01')
  const chosen = await readReportingCard({ root, words, addresses: () => ({}) })
  assert.is(chosen.name, 'enp0s10')
})

test('a machine without sysfs and procfs has none', async () => {
  const { root } = openMachine('qemu-uefi-odd', { files: { '/sys/class/net': null } })
  const chosen = await readReportingCard({ root, words: [], addresses: () => ({}) })
  assert.equal(chosen, { why: 'no network card has link and address' })
  assert.equal(await readDefaultRoutes(root), [])
})

const hex = fc.integer({ min: 1, max: 6 }).map((n) => `52:54:00:00:00:0${n}`)
const names = ['a', 'b', 'c', 'd', 'e']
const cardStates: fc.Arbitrary<CardState[]> = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom(...names),
    mac: hex,
    permanentMac: fc.option(hex, { nil: undefined }),
    physical: fc.boolean(),
    bmcLike: fc.boolean(),
    carrier: fc.boolean(),
    address: fc.option(fc.constantFrom('10.0.0.1', '10.0.0.2'), { nil: undefined }),
    master: fc.option(fc.constantFrom(...names), { nil: undefined }),
  }),
  { selector: ({ name }) => name },
)
const routeLists = fc.array(
  fc.record({ interface: fc.constantFrom(...names, 'gone'), metric: fc.integer({ min: 0, max: 9 }) }),
)
const byIp = fc.constantFrom(...names, 'gone').map((name) => ({ by: 'ip' as const, name }))
const byMac = hex.map((mac) => ({ by: 'BOOTIF' as const, mac }))

test('property: without BOOTIF the card of a BMC never wins, whatever else there is', () => {
  fc.assert(
    fc.property(fc.array(byIp), cardStates, routeLists, (named, cards, routes) => {
      const chosen = chooseReportingCard(named, cards, routes)
      assert.not.ok(cards.find(({ name }) => name === chosen.name)?.bmcLike)
    }),
  )
})

test('property: with BOOTIF it wins only as the card of that MAC', () => {
  fc.assert(
    fc.property(byMac, fc.array(byIp), cardStates, routeLists, (bootif, named, cards, routes) => {
      const chosen = chooseReportingCard([bootif, ...named], cards, routes)
      const card = cards.find(({ name }) => name === chosen.name)
      if (card?.bmcLike) assert.ok([card.mac, card.permanentMac].includes(bootif.mac))
    }),
  )
})

test('property: there is one as soon as any card of its own has link and address', () => {
  fc.assert(
    fc.property(fc.array(byIp), cardStates, routeLists, (named, cards, routes) => {
      const able = cards.some(
        (card) => card.physical && !card.bmcLike && card.carrier && card.address !== undefined,
      )
      const { name } = chooseReportingCard(named, cards, routes)
      if (able) assert.type(name, 'string')
    }),
  )
})

test.run()
