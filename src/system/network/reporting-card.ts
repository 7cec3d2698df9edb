import type { networkInterfaces } from 'node:os'
import { readFlag, readTarget } from '../attribute.ts'
import { knownValue } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { mapLimit } from '../map-limit.ts'
import { type KernelWord, type NamedCard, namedCards } from './boot-interface.ts'
import { isBmcLike, NET_CLASS, placeOf } from './list.ts'
import { readMac } from './mac.ts'
import { type DefaultRoute, readDefaultRoutes } from './routes.ts'

/** The card by which this host is known: its MAC stands in URLs, its address is where people find the live log. */
export interface ReportingCard {
  name: string
  mac: string
  /** IPv4, else IPv6, that others may reach; absent while it has none. */
  address?: string
  /** For people. */
  why: string
}

/** No card will do. */
export interface NoReportingCard {
  name?: undefined
  why: string
}

/** What the choice knows of an interface. */
export interface CardState {
  name: string
  mac: string
  /** The address that it was made with, where it wears that of its bond. */
  permanentMac?: string | undefined
  /** A device of its own: no bond, bridge, VLAN or tunnel. */
  physical: boolean
  bmcLike: boolean
  carrier: boolean
  address?: string | undefined
  /** The bond or bridge that it is part of. */
  master?: string | undefined
}

export interface ReportingCardDeps {
  root: MachineRoot
  /** Of the kernel command line. */
  words: readonly KernelWord[]
  /** networkInterfaces of node:os. */
  addresses: typeof networkInterfaces
}

/** Reads the machine and chooses; see chooseReportingCard. Never throws: what cannot be read is not there. */
export async function readReportingCard(deps: ReportingCardDeps): Promise<ReportingCard | NoReportingCard> {
  const cards = await readCards(deps)
  return chooseReportingCard(namedCards(deps.words), cards, await readDefaultRoutes(deps.root))
}

/**
 * The card that the kernel command line names, else that of the preferred default route, else the first one with link
 * and address.
 *
 * The USB card that a BMC offers never wins, because it leads nowhere and many machines have the same MAC there; unless
 * BOOTIF names it: a MAC is not hit upon by accident, and this machine did boot over it. A name in ip= is no such
 * proof: `eth0` is what card the kernel found first.
 */
export function chooseReportingCard(
  named: readonly NamedCard[],
  cards: readonly CardState[],
  routes: readonly DefaultRoute[],
): ReportingCard | NoReportingCard {
  const passed: string[] = []
  const chosen = (card: CardState, why: string): ReportingCard => {
    // A card in a bond or bridge has no address; the whole has it.
    const address = card.address ?? cards.find(({ name }) => name === card.master)?.address
    const reasons = [why, ...passed].join('; ')
    return { name: card.name, mac: card.mac, ...(address === undefined ? {} : { address }), why: reasons }
  }
  for (const name of named) {
    const card = findNamed(name, cards)
    const word = name.by === 'BOOTIF' ? `BOOTIF=${name.mac}` : `ip=${name.name}`
    if (card === undefined) passed.push(`${word}: there is no such card`)
    else if (card.bmcLike && name.by === 'ip') passed.push(`${word}: that one leads to the BMC`)
    else {
      const mac = name.by === 'BOOTIF' ? name.mac : card.mac
      const bmc = card.bmcLike ? ', which leads to the BMC' : ''
      return chosen({ ...card, mac }, `the kernel command line names it (${word})${bmc}`)
    }
  }
  for (const route of routes) {
    const card = cards.find(({ name }) => name === route.interface)
    if (card !== undefined && !card.bmcLike)
      return chosen(card, `it has the default route (metric ${route.metric})`)
  }
  const usable = cards.filter(
    ({ physical, carrier, address }) => physical && carrier && address !== undefined,
  )
  const first = usable.find(({ bmcLike }) => !bmcLike)
  if (first !== undefined) return chosen(first, 'it is the first one with link and address')
  for (const { name } of usable) passed.push(`${name} leads to the BMC`)
  return { why: ['no network card has link and address', ...passed].join('; ') }
}

/** Of interfaces with one MAC (a card and its VLANs) the card itself. */
function findNamed(named: NamedCard, cards: readonly CardState[]): CardState | undefined {
  if (named.by === 'ip') return cards.find(({ name }) => name === named.name)
  const { mac } = named
  return (
    cards.find((card) => card.physical && (card.permanentMac ?? card.mac) === mac) ??
    cards.find((card) => card.physical && card.mac === mac) ??
    cards.find((card) => card.mac === mac)
  )
}

const AT_ONCE = 8

async function readCards({ root, addresses }: ReportingCardDeps): Promise<CardState[]> {
  const names = (await root.list(NET_CLASS).catch(() => undefined)) ?? []
  const known = addresses()
  const cards = await mapLimit(names, AT_ONCE, async (name): Promise<CardState | undefined> => {
    const dir = `${NET_CLASS}/${name}`
    const mac = knownValue(await readMac(root, name))
    // Loopback and tunnels have none.
    if (mac === undefined) return undefined
    const driver = knownValue(await readTarget(root, `${dir}/device/driver`))
      ?.split('/')
      .at(-1)
    const master = knownValue(await readTarget(root, `${dir}/master`))
      ?.split('/')
      .at(-1)
    return {
      name,
      mac,
      permanentMac: await root.readText(`${dir}/bonding_slave/perm_hwaddr`).catch(() => undefined),
      physical: await root.exists(`${dir}/device`).catch(() => false),
      bmcLike: isBmcLike(await placeOf(root, name), driver),
      carrier: knownValue(await readFlag(root, `${dir}/carrier`)) ?? false,
      address: bestAddress(known[name]),
      master,
    }
  })
  return cards.filter((card) => card !== undefined)
}

/** Link-local ones (RFC 3927, RFC 4291) only reach the next cable. */
function bestAddress(list: ReturnType<typeof networkInterfaces>[string]): string | undefined {
  const far = (list ?? []).filter(
    ({ address, internal }) => !internal && !/^169\.254\.|^fe[89ab][0-9a-f]:/i.test(address),
  )
  return (far.find(({ family }) => family === 'IPv4') ?? far[0])?.address
}
