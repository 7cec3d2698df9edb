import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Finding, knownValue } from '../../src/system/finding.ts'
import { readNetwork } from '../../src/system/network/cards.ts'
import type { Network, NetworkCard } from '../../src/system/network/schema.ts'
import { type Changes, type Machine, openMachine, openTree } from './helpers/machine-tree.ts'

const read = ({ root, exec }: Machine) => readNetwork(root, exec)
const reasonOf = (finding: Finding<unknown>) => (finding.status === 'known' ? '' : finding.reason)

async function networkOf(machine: Machine): Promise<Network> {
  const network = await read(machine)
  if (network.status !== 'known') throw new Error(`network is ${network.status}: ${network.reason}`)
  return network.value
}

async function card(name: string, changes: Changes = {}): Promise<NetworkCard> {
  const { cards } = await networkOf(openMachine('qemu-uefi-odd', changes))
  const found = cards.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no ${name}`)
  return found
}

test('physical cards as they were given; bridges, VLANs, dummies and bonding_masters are not among them', async () => {
  const { cards, notCounted, disagreements } = await networkOf(openMachine('qemu-uefi-odd'))
  assert.equal(
    cards.map((c) => [
      c.name,
      knownValue(c.permanentMac),
      knownValue(c.driver),
      knownValue(c.link),
      knownValue(c.speedMbps),
    ]),
    [
      ['enp0s10', '52:54:00:bb:00:01', 'e1000e', true, 1000],
      ['enp0s11', '52:54:00:bb:00:02', 'virtio_net', true, 25000],
      ['enp0s12', '52:54:00:bb:00:03', '8139cp', undefined, undefined],
    ],
  )
  assert.equal(notCounted, { virtual: 5, virtualFunctions: 0 })
  assert.equal(disagreements, [])
  assert.equal(
    cards.map((c) => knownValue(c.firmware)),
    ['2.1-0', undefined, undefined],
  )
  assert.equal(
    cards.map((c) => knownValue(c.pciAddress)),
    ['0000:00:0a.0', '0000:00:0b.0', '0000:00:0c.0'],
  )
})

test('a card that is down tells no link and no speed: unknown, not "no link"', async () => {
  const down = await card('enp0s12')
  assert.is(down.link.status, 'unknown')
  assert.match(reasonOf(down.speedMbps), 'down')
})

const sys = '/sys/class/net/enp0s10'

test('no carrier: there is no speed to know', async () => {
  const idle = await card('enp0s10', {
    files: { [`${sys}/carrier`]: '0', [`${sys}/speed`]: '-1', [`${sys}/duplex`]: 'unknown' },
  })
  assert.is(idle.speedMbps.status, 'absent')
  assert.is(idle.duplex.status, 'absent')
})

for (const speed of ['-1', '4294967295', '0', null, { error: 'EIO' }] as const) {
  test(`carrier, and a speed of ${JSON.stringify(speed)}: unknown`, async () => {
    assert.is((await card('enp0s10', { files: { [`${sys}/speed`]: speed } })).speedMbps.status, 'unknown')
  })
}

test('a card whose address was changed: the permanent one by ethtool, else by ip, else unknown', async () => {
  const files = { [`${sys}/address`]: '02:00:00:00:00:99', [`${sys}/addr_assign_type`]: '3' }
  const ethtool = await card('enp0s10', { files })
  assert.is(knownValue(ethtool.mac), '02:00:00:00:00:99')
  assert.is(knownValue(ethtool.permanentMac), '52:54:00:bb:00:01')
  assert.equal(ethtool.permanentMac.sources, ['ethtool -P enp0s10'])

  const no = { 'ethtool -P enp0s10': { stdout: 'Permanent address: not set\n', exitCode: 0 } }
  const links = JSON.stringify([
    { ifname: 'enp0s10', address: '02:00:00:00:00:99', permaddr: '52:54:00:bb:00:01' },
  ])
  const ip = await card('enp0s10', {
    files,
    commands: { ...no, 'ip -j -d link': { stdout: links, exitCode: 0 } },
  })
  assert.is(knownValue(ip.permanentMac), '52:54:00:bb:00:01')
  assert.equal(ip.permanentMac.sources, ['ip -j -d link'])

  const neither = await card('enp0s10', {
    files,
    commands: { ...no, 'ip -j -d link': { stdout: '[{', exitCode: 0 } },
  })
  assert.is(neither.permanentMac.status, 'unknown')
  assert.match(reasonOf(neither.permanentMac), 'set by hand')
})

test('without ethtool and ip the kernel’s word that nobody changed the address serves', async () => {
  const machine = openMachine('microvm-no-smbios', { commands: { 'ip -j -d link': null } })
  const [eth0] = (await networkOf(machine)).cards
  assert.is(eth0 && knownValue(eth0.permanentMac), '02:fc:00:00:00:01')
  assert.is(eth0?.permanentMac.sources[1], '/sys/class/net/eth0/addr_assign_type')
  assert.match(eth0 ? reasonOf(eth0.firmware) : '', 'ethtool is not installed')
})

test('a USB network function is marked, and its description is no firmware version', async () => {
  const { cards } = await networkOf(openMachine('qemu-bios-server'))
  const usb = cards.filter(({ bus }) => bus === 'usb')
  assert.is(usb.length, 1)
  assert.is(usb[0]?.bmcLike, true)
  assert.is(usb[0]?.firmware.status, 'unknown')
  assert.not.ok(cards.some(({ bus, bmcLike }) => bus === 'pci' && bmcLike))
})

test('an SR-IOV virtual function is counted apart', async () => {
  const files = { [`${sys}/device/physfn/vendor`]: '0x8086' }
  const { cards, notCounted } = await networkOf(openMachine('qemu-uefi-odd', { files }))
  assert.is(cards.length, 2)
  assert.is(notCounted.virtualFunctions, 1)
})

test('the driver that sysfs names wins over the one that ethtool names', async () => {
  const commands = { 'ethtool -i enp0s10': { stdout: 'driver: other\nfirmware-version: 7\n', exitCode: 0 } }
  const { cards, disagreements } = await networkOf(openMachine('qemu-uefi-odd', { commands }))
  assert.is(cards[0] && knownValue(cards[0].driver), 'e1000e')
  assert.equal(
    disagreements.map(({ what, other }) => [what, other.value]),
    [['driver of enp0s10', 'other']],
  )
})

test('no /sys/class/net: unknown; no card: absent; a card without driver: unknown', async () => {
  assert.is((await read(openTree({}))).status, 'unknown')
  const lo = { '/sys/class/net/lo': { link: '../../devices/virtual/net/lo' } }
  assert.is((await read(openTree({ files: lo }))).status, 'absent')
  const pci = '/sys/bus/pci/devices/0000:03:00.0/class'
  const driverless = await read(openTree({ files: { ...lo, [pci]: '0x020000' } }))
  assert.is(driverless.status, 'unknown')
  assert.match(reasonOf(driverless), 'no driver for the network controller at 0000:03:00.0')
})

test.run()
