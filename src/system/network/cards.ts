import { basename } from 'node:path'
import { readAttribute, readFlag, readLine, readNumber, readTarget } from '../attribute.ts'
import type { Exec } from '../exec.ts'
import { absent, type Disagreement, type Finding, known, knownValue, mapKnown, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { mapLimit } from '../map-limit.ts'
import { PCI_DEVICES, pciAddressOf, readDriverless, readNumaNode } from '../pci/devices.ts'
import { readDriverInfo } from './ethtool.ts'
import { isBmcLike, listCards, NET_CLASS, placeOf } from './list.ts'
import { createPermanentMacReader, readMac } from './mac.ts'
import type { Network, NetworkCard } from './schema.ts'

/** PCI base class of network controllers. */
const NETWORK_CLASS = '02'

/** Programs that run beside each other. */
const AT_ONCE = 4

/** Physical network cards. Interfaces that are down stay down: nothing is changed to learn more. */
export async function readNetwork(
  root: MachineRoot,
  exec: Exec,
  signal?: AbortSignal,
): Promise<Finding<Network>> {
  const list = await listCards(root)
  if (list.status !== 'known') return list
  const { physical, virtual, virtualFunctions } = list.value
  const driverless = await readDriverless(root, NETWORK_CLASS)
  const disagreements: Disagreement[] = []
  const permanentMac = createPermanentMacReader({ root, exec, signal })
  const cards = await mapLimit(physical, AT_ONCE, async (name) => {
    const card = await readCard(root, exec, name, permanentMac, signal)
    if (card.disagreement !== undefined) disagreements.push(card.disagreement)
    return card.card
  })
  if (cards.length === 0) {
    const hidden = knownValue(driverless) ?? []
    if (hidden.length > 0) {
      const where = hidden.map(({ address }) => address).join(', ')
      return unknown(`no driver for the network controller at ${where}`, NET_CLASS, ...driverless.sources)
    }
    return absent(`no network card; ${virtual.length} virtual interfaces are not counted`, NET_CLASS)
  }
  const notCounted = { virtual: virtual.length, virtualFunctions: virtualFunctions.length }
  return known({ cards, notCounted, driverless, disagreements }, NET_CLASS)
}

async function readCard(
  root: MachineRoot,
  exec: Exec,
  name: string,
  permanentMac: (name: string) => Promise<Finding<string>>,
  signal: AbortSignal | undefined,
): Promise<{ card: NetworkCard; disagreement?: Disagreement }> {
  const dir = `${NET_CLASS}/${name}`
  const place = await placeOf(root, name)
  const info = await readDriverInfo(exec, name, signal)
  const bound = mapKnown(await readTarget(root, `${dir}/device/driver`), (target) => basename(target))
  const driver = bound.status === 'known' ? bound : info.driver
  const link = await readCarrier(root, dir)
  const pciAddress = pciAddressOf(place.path)
  const card: NetworkCard = {
    name,
    mac: await readMac(root, name),
    permanentMac: await permanentMac(name),
    bus: place.bus,
    pciAddress: pciAddress === undefined ? absent('not on a PCI bus', dir) : known(pciAddress, dir),
    driver,
    firmware: info.firmware,
    link,
    speedMbps: await readSpeed(root, dir, link),
    duplex: await readDuplex(root, dir, link),
    operState: await readLine(root, `${dir}/operstate`),
    // A virtio interface's own device has no such attribute, its PCI function has.
    numaNode: await readNumaNode(
      root,
      pciAddress === undefined ? `${dir}/device` : `${PCI_DEVICES}/${pciAddress}`,
    ),
    bmcLike: isBmcLike(place, knownValue(driver)),
  }
  if (bound.status !== 'known' || info.driver.status !== 'known' || info.driver.value === bound.value)
    return { card }
  return {
    card,
    disagreement: {
      what: `driver of ${name}`,
      taken: { source: bound.sources.join(', '), value: bound.value },
      other: { source: info.driver.sources.join(', '), value: info.driver.value },
    },
  }
}

/** The kernel answers EINVAL for the carrier of an interface that is down. */
async function readCarrier(root: MachineRoot, dir: string): Promise<Finding<boolean>> {
  const carrier = await readFlag(root, `${dir}/carrier`)
  if (carrier.status === 'known') return carrier
  const flags = knownValue(await readLine(root, `${dir}/flags`))
  const up = flags === undefined ? undefined : (Number(flags) & 1) === 1 // IFF_UP
  return up === false ? unknown('the interface is down: the kernel does not tell', `${dir}/carrier`) : carrier
}

async function readSpeed(root: MachineRoot, dir: string, link: Finding<boolean>): Promise<Finding<number>> {
  const path = `${dir}/speed`
  const speed = await readNumber(root, path, -1)
  // -1, as signed or unsigned number, is SPEED_UNKNOWN.
  if (speed.status === 'known' && speed.value > 0 && speed.value !== 0xffffffff) return speed
  return noLink(link, path) ?? unknown('the driver reports no speed', path)
}

async function readDuplex(root: MachineRoot, dir: string, link: Finding<boolean>): Promise<Finding<string>> {
  const path = `${dir}/duplex`
  const duplex = await readAttribute(root, path, 'duplex')
  if (duplex.status === 'known') return duplex
  return noLink(link, path) ?? unknown('the driver reports no duplex', path)
}

function noLink(link: Finding<boolean>, path: string): Finding<never> | undefined {
  if (link.status === 'known') return link.value ? undefined : absent('no link', path)
  return unknown(link.reason, path)
}
