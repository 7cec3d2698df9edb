import type { MachineRoot } from '../machine-root.ts'
import { isBmcLike, NET_CLASS, placeOf } from '../network/list.ts'

/** systemd-networkd writes one file an interface, named by its index; what they hold is sd_dhcp_lease_save's. */
const LEASES = '/run/systemd/netif/leases'

/** The time servers that DHCP named (option 42), without those of a BMC's card. Never throws. */
export async function readLeaseTimeServers(root: MachineRoot): Promise<string[]> {
  const servers = new Set<string>()
  for (const name of (await root.list(NET_CLASS).catch(() => undefined)) ?? []) {
    const driver = (await root.readLink(`${NET_CLASS}/${name}/device/driver`).catch(() => undefined))
      ?.split('/')
      .at(-1)
    if (isBmcLike(await placeOf(root, name), driver)) continue
    const index = await root.readText(`${NET_CLASS}/${name}/ifindex`).catch(() => undefined)
    const lease = await root.readText(`${LEASES}/${index}`).catch(() => undefined)
    const named = /^NTP=(.*)$/m.exec(lease ?? '')?.[1] ?? ''
    for (const server of named.split(' ')) if (server !== '') servers.add(server)
  }
  return [...servers]
}
