import * as z from 'zod'
import type { Exec } from '../../system/exec.ts'
import { runTool } from '../../system/run-tool.ts'
import type { InterfaceAddresses } from './foreman-facts.ts'

/** `ip -json address` of iproute2; what is not read here is left alone. */
const addressSchema = z.array(
  z.object({
    ifname: z.string(),
    address: z.string().optional(),
    link_type: z.string().optional(),
    addr_info: z
      .array(
        z.object({
          family: z.string().optional(),
          local: z.string().optional(),
          prefixlen: z.number().optional(),
          scope: z.string().optional(),
        }),
      )
      .default([]),
  }),
)

/** The Ethernet interfaces with their addresses. Never throws: what cannot be read is not there. */
export async function readAddresses(exec: Exec, signal: AbortSignal): Promise<InterfaceAddresses[]> {
  // It throws when told to stop.
  const output = await runTool(exec, 'ip', ['-json', 'address'], { signal }).catch(() => undefined)
  return output?.status === 'known' ? parseAddresses(output.value) : []
}

function parseAddresses(text: string): InterfaceAddresses[] {
  let links: z.infer<typeof addressSchema>
  try {
    links = addressSchema.parse(JSON.parse(text))
  } catch {
    return []
  }
  return links
    .filter(({ link_type: type, address }) => type === 'ether' && address !== undefined)
    .map(({ ifname, address = '', addr_info: infos }) => {
      const global = (family: string) =>
        infos.find((info) => info.family === family && info.scope === 'global')
      const [ipv4, ipv6] = [global('inet'), global('inet6')]
      return {
        name: ifname,
        mac: address.toLowerCase(),
        ...(ipv4?.local === undefined ? {} : { ipv4: { address: ipv4.local, prefix: ipv4.prefixlen ?? 32 } }),
        ...(ipv6?.local === undefined ? {} : { ipv6: ipv6.local }),
      }
    })
}
