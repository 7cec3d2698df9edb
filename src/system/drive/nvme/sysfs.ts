import type { MachineRoot } from '../../machine-root.ts'

const BLOCK = '/sys/block'

export interface NvmeDevices {
  /** /dev/nvme0: of several controllers the first on PCI, by number. */
  controller: string
  nqn: string
  /** Block devices of the drive, by NSID: nvme0n2 may well be namespace 1. */
  paths: Map<number, string>
}

/**
 * The drive that a namespace's block device belongs to. With the kernel's own multipath, nvme0n1 hangs on the subsystem and
 * nvme0c0n1, nvme0c1n1 are its paths; without it, nvme0n1 hangs on its controller.
 * Undefined: sysfs does not tell. @throws ReadError
 */
export async function findNvmeDevices(root: MachineRoot, name: string): Promise<NvmeDevices | undefined> {
  const device = `${BLOCK}/${name}/device`
  const nqn = await root.readText(`${device}/subsysnqn`)
  const controller = await findController(root, device)
  if (nqn === undefined || nqn === '' || controller === undefined) return undefined
  const serial = await root.readText(`${device}/serial`)
  const paths = new Map<number, string>()
  for (const other of (await root.list(BLOCK)) ?? []) {
    if (!/^nvme\d+n\d+$/.test(other)) continue
    const at = `${BLOCK}/${other}`
    if ((await root.readText(`${at}/device/subsysnqn`)) !== nqn) continue
    // Some drives of one model share an NQN.
    if ((await root.readText(`${at}/device/serial`)) !== serial) continue
    const nsid = Number(await root.readText(`${at}/nsid`))
    if (Number.isSafeInteger(nsid) && nsid > 0) paths.set(nsid, `/dev/${other}`)
  }
  return { controller: `/dev/${controller}`, nqn, paths }
}

async function findController(root: MachineRoot, device: string): Promise<string | undefined> {
  if ((await root.readText(`${device}/transport`)) !== undefined) {
    return /(nvme\d+)$/.exec((await root.readLink(device)) ?? '')?.[1]
  }
  const controllers = ((await root.list(device)) ?? []).filter((name) => /^nvme\d+$/.test(name))
  for (const name of controllers.sort((a, b) => a.length - b.length || (a < b ? -1 : 1))) {
    if ((await root.readText(`${device}/${name}/transport`)) === 'pcie') return name
  }
  return undefined
}
