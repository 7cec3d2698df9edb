import * as z from 'zod'
import { readAttribute, readNumber } from '../attribute.ts'
import type { Exec } from '../exec.ts'
import { type Finding, firstKnown, known, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { runTool } from '../run-tool.ts'
import { NET_CLASS } from './list.ts'

// Ethernet has 6 bytes, IP over InfiniBand 20.
const ADDRESS = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}((:[0-9a-f]{2}){14})?$/

const ipLinksSchema = z.array(
  z.object({
    ifname: z.string().optional(),
    address: z.string().optional(),
    permaddr: z.string().optional(),
  }),
)

export interface MacDeps {
  root: MachineRoot
  /** Without it only sysfs is asked. */
  exec?: Exec | undefined
  signal?: AbortSignal | undefined
}

/** The address in use, as sysfs has it. */
export async function readMac(root: MachineRoot, name: string): Promise<Finding<string>> {
  const path = `${NET_CLASS}/${name}/address`
  const text = await readAttribute(root, path, 'MAC')
  return text.status === 'known' ? asMac(text.value, path) : text
}

/**
 * A reader of the addresses that cards were made with: `ethtool -P`, else the `permaddr` of `ip -j -d link`, else the
 * address in use when the kernel says (addr_assign_type 0) that nobody has changed it.
 */
export function createPermanentMacReader(deps: MacDeps): (name: string) => Promise<Finding<string>> {
  const { root } = deps
  let links: Promise<Finding<z.infer<typeof ipLinksSchema>>> | undefined
  return async (name) => {
    const asked: Finding<string>[] = []
    for (const ask of [
      () => fromEthtool(deps, name),
      async () => {
        links ??= readLinks(deps)
        return fromLinks(await links, name)
      },
      () => fromSysfs(root, name),
    ]) {
      const answer = await ask()
      if (answer.status === 'known') return answer
      asked.push(answer)
    }
    return firstKnown(asked)
  }
}

async function fromEthtool({ exec, signal }: MacDeps, name: string): Promise<Finding<string>> {
  if (exec === undefined) return unknown('ethtool was not asked')
  const source = `ethtool -P ${name}`
  const output = await runTool(exec, 'ethtool', ['-P', name], { signal })
  if (output.status !== 'known') return output
  const address = /^Permanent address: (.*)$/m.exec(output.value)?.[1] ?? ''
  return asMac(address, source)
}

async function readLinks({ exec, signal }: MacDeps): Promise<Finding<z.infer<typeof ipLinksSchema>>> {
  if (exec === undefined) return unknown('ip was not asked')
  const source = 'ip -j -d link'
  const output = await runTool(exec, 'ip', ['-j', '-d', 'link'], { signal })
  if (output.status !== 'known') return output
  try {
    const links = ipLinksSchema.safeParse(JSON.parse(output.value))
    return links.success
      ? known(links.data, source)
      : unknown(`${source}: not the JSON that it should be`, source)
  } catch {
    return unknown(`${source}: not JSON`, source)
  }
}

/** ip names the permanent address only where it differs from the one in use. */
function fromLinks(links: Finding<z.infer<typeof ipLinksSchema>>, name: string): Finding<string> {
  if (links.status !== 'known') return links
  const link = links.value.find(({ ifname }) => ifname === name)
  if (link?.permaddr === undefined) return unknown('ip names no permaddr', ...links.sources)
  return asMac(link.permaddr, 'ip -j -d link')
}

async function fromSysfs(root: MachineRoot, name: string): Promise<Finding<string>> {
  const path = `${NET_CLASS}/${name}/addr_assign_type`
  const assigned = await readNumber(root, path)
  if (assigned.status !== 'known') return assigned
  if (assigned.value !== 0) {
    const how =
      { 1: 'random', 2: "another interface's", 3: 'set by hand' }[assigned.value] ?? `type ${assigned.value}`
    return unknown(`the address in use is ${how}`, path)
  }
  const mac = await readMac(root, name)
  return mac.status === 'known' ? { ...mac, sources: [...mac.sources, path] } : mac
}

function asMac(raw: string, source: string): Finding<string> {
  const mac = raw.trim().toLowerCase()
  if (!ADDRESS.test(mac)) return { ...unknown(`${source} says "${raw.trim()}"`, source), raw: raw.trim() }
  if (/^(00|ff)(:\1)*$/.test(mac)) return { ...unknown(`${mac} is not an address`, source), raw: mac }
  return known(mac, source)
}
