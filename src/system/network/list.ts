import { readEntries, readFailure } from '../attribute.ts'
import { type Finding, known, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'

export const NET_CLASS = '/sys/class/net'

export interface CardList {
  /** Interfaces of a device of their own. */
  physical: string[]
  /** SR-IOV virtual functions of one of those. */
  virtualFunctions: string[]
  /** lo, bridges, bonds, VLANs, tunnels. */
  virtual: string[]
}

export async function listCards(root: MachineRoot): Promise<Finding<CardList>> {
  const names = await readEntries(root, NET_CLASS)
  if (names.status !== 'known') return names
  const list: CardList = { physical: [], virtualFunctions: [], virtual: [] }
  try {
    for (const name of names.value) {
      // Interfaces are links; plain files such as bonding_masters are not interfaces.
      if ((await root.readLink(`${NET_CLASS}/${name}`)) === undefined) continue
      if (!(await root.exists(`${NET_CLASS}/${name}/device`))) list.virtual.push(name)
      else if (await root.exists(`${NET_CLASS}/${name}/device/physfn`)) list.virtualFunctions.push(name)
      else list.physical.push(name)
    }
  } catch (error) {
    return unknown(readFailure(error), NET_CLASS)
  }
  return known(list, NET_CLASS)
}

/** Drivers of USB network functions; the ones that BMCs offer to their host use them. */
const USB_FUNCTION_DRIVERS = new Set(['cdc_ether', 'cdc_eem', 'cdc_ncm', 'cdc_subset', 'rndis_host'])

export interface CardPlace {
  bus: 'pci' | 'usb' | 'other'
  /** The interface's path in the device tree, `../../devices/…`. */
  path: string
}

export async function placeOf(root: MachineRoot, name: string): Promise<CardPlace> {
  const path = (await root.readLink(`${NET_CLASS}/${name}`).catch(() => undefined)) ?? ''
  return { bus: /\/usb\d+\//.test(path) ? 'usb' : /\/pci[0-9a-f]+:/.test(path) ? 'pci' : 'other', path }
}

export function isBmcLike(place: CardPlace, driver: string | undefined): boolean {
  return place.bus === 'usb' && driver !== undefined && USB_FUNCTION_DRIVERS.has(driver)
}
