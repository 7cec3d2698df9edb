import type { MachineRoot } from '../machine-root.ts'

/** Where packages go that no other route takes. */
export interface DefaultRoute {
  interface: string
  /** The lower, the sooner it is taken. */
  metric: number
}

// include/uapi/linux/route.h
const RTF_UP = 0x0001
const RTF_REJECT = 0x0200

/** Default routes of the main tables of IPv4 and IPv6, the preferred first; of equal ones IPv4, then the kernel's order. */
export async function readDefaultRoutes(root: MachineRoot): Promise<DefaultRoute[]> {
  const ipv4 = (await root.readText('/proc/net/route').catch(() => undefined)) ?? ''
  const ipv6 = (await root.readText('/proc/net/ipv6_route').catch(() => undefined)) ?? ''
  return [...parseIpv4(ipv4), ...parseIpv6(ipv6)].toSorted((a, b) => a.metric - b.metric)
}

/** net/ipv4/fib_trie.c, fib_route_seq_show: Iface Destination Gateway Flags RefCnt Use Metric Mask … */
function parseIpv4(text: string): DefaultRoute[] {
  const routes: DefaultRoute[] = []
  for (const line of text.split('\n')) {
    const [name = '', destination, , flags = '', , , metric, mask] = line.trim().split(/\s+/)
    if (destination !== '00000000' || mask !== '00000000' || !usable(flags)) continue
    routes.push({ interface: name, metric: Number(metric) })
  }
  return routes
}

/** net/ipv6/route.c, rt6_info_route: destination length source length next-hop metric refcnt use flags device */
function parseIpv6(text: string): DefaultRoute[] {
  const routes: DefaultRoute[] = []
  for (const line of text.split('\n')) {
    const [destination, length, , , , metric = '', , , flags = '', name = ''] = line.trim().split(/\s+/)
    if (destination !== '0'.repeat(32) || length !== '00' || !usable(flags)) continue
    routes.push({ interface: name, metric: Number.parseInt(metric, 16) })
  }
  return routes
}

function usable(hexFlags: string): boolean {
  const flags = Number.parseInt(hexFlags, 16)
  return (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0
}
