import { readAttribute } from './attribute.ts'
import type { Exec } from './exec.ts'
import { type Finding, knownValue } from './finding.ts'
import type { MachineRoot } from './machine-root.ts'
import { isBmcLike, listCards, NET_CLASS, placeOf } from './network/list.ts'
import { createPermanentMacReader, readMac } from './network/mac.ts'
import { readSystem } from './smbios/firmware.ts'

export interface HostMac {
  name: string
  mac: string
  /** Burnt in, as far as card and kernel say; else only the address in use. */
  permanent: boolean
}

/** Who this machine is. `hostId` never derives from the hostname. */
export interface HostIdentity {
  /** The system UUID, else `mac-` and the lowest permanent MAC without colons, else `unknown`. */
  hostId: string
  /** Where `hostId` comes from, or why there is none. */
  origin: string
  uuid?: string
  serial?: string
  /** Of the physical cards, in the order of their names; not those of USB links to a BMC, which machines share. */
  macs: HostMac[]
  hostname: string
}

/** Never throws: what cannot be read is left out, and `origin` says why. Changes nothing. */
export async function readHostIdentity(root: MachineRoot, exec?: Exec): Promise<HostIdentity> {
  const system = await readSystem(root)
  const uuid: Finding<string> = system.status === 'known' ? system.value.uuid : system
  const serial = system.status === 'known' ? knownValue(system.value.serial) : undefined
  const macs = await readHostMacs(root, exec)
  const hostname = knownValue(await readAttribute(root, '/proc/sys/kernel/hostname', 'hostname')) ?? ''
  return {
    ...hostIdOf(uuid, macs),
    ...(uuid.status === 'known' ? { uuid: uuid.value } : {}),
    ...(serial === undefined ? {} : { serial }),
    macs,
    hostname,
  }
}

/** The system UUID where it tells machines apart, else the lowest permanent MAC. */
function hostIdOf(uuid: Finding<string>, macs: readonly HostMac[]): Pick<HostIdentity, 'hostId' | 'origin'> {
  if (uuid.status === 'known')
    return { hostId: uuid.value, origin: `system UUID from ${uuid.sources.join(', ')}` }
  const [lowest] = macs
    .filter(({ permanent, mac }) => permanent && mac.length === 17)
    .toSorted((a, b) => (a.mac < b.mac ? -1 : 1))
  if (lowest !== undefined) {
    return {
      hostId: `mac-${lowest.mac.replaceAll(':', '')}`,
      origin: `permanent MAC of ${lowest.name}, because the system UUID is unknown: ${uuid.reason}`,
    }
  }
  return { hostId: 'unknown', origin: `no system UUID: ${uuid.reason}; and no card with a permanent MAC` }
}

async function readHostMacs(root: MachineRoot, exec: Exec | undefined): Promise<HostMac[]> {
  const cards = knownValue(await listCards(root))?.physical ?? []
  const permanentMac = createPermanentMacReader({ root, exec })
  const macs = await Promise.all(
    cards.map(async (name): Promise<HostMac | undefined> => {
      const link = await root.readLink(`${NET_CLASS}/${name}/device/driver`).catch(() => undefined)
      if (isBmcLike(await placeOf(root, name), link?.split('/').at(-1))) return undefined
      const burnt = knownValue(await permanentMac(name))
      if (burnt !== undefined) return { name, mac: burnt, permanent: true }
      const used = knownValue(await readMac(root, name))
      return used === undefined ? undefined : { name, mac: used, permanent: false }
    }),
  )
  return macs.filter((mac) => mac !== undefined)
}
