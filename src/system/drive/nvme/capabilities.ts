import { readFailure } from '../../attribute.ts'
import { type Finding, known, unknown } from '../../finding.ts'
import type { ReadDeps } from '../deps.ts'
import type { Capabilities, NvmeCapabilities } from '../schema.ts'
import {
  identifyController,
  identifyNamespace,
  listNamespaces,
  readSanitizeLog,
  type SanitizeLog,
} from './cli.ts'
import { findNvmeDevices, type NvmeDevices } from './sysfs.ts'

/** What an NVMe drive can do. Every namespace of its subsystem counts, those that no controller shows included. */
export async function readNvmeCapabilities(name: string, deps: ReadDeps): Promise<Finding<Capabilities>> {
  const place = `/sys/block/${name}/device`
  let devices: NvmeDevices | undefined
  try {
    devices = await findNvmeDevices(deps.root, name)
  } catch (error) {
    return unknown(readFailure(error), place)
  }
  if (devices === undefined) return unknown(`no NVMe controller on PCI is named for ${name}`, place)
  const { controller, nqn } = devices
  const identity = await identifyController(deps, controller)
  if (identity.status !== 'known') return identity
  const { formats, managesNamespaces, fna, sanicap, unallocatedBytes } = identity.value
  const namespaces = await readNamespaces(devices, managesNamespaces, deps)
  if (namespaces.status !== 'known') return namespaces
  const sanitizes = (sanicap & 7) !== 0
  const log = sanitizes ? await readSanitizeLog(deps, controller) : undefined
  const bit = (value: number, at: number) => ((value >> at) & 1) === 1
  return known<Capabilities>(
    {
      kind: 'nvme',
      controller,
      subsystem: nqn,
      namespaces: namespaces.value,
      sanitize: { crypto: bit(sanicap, 0), block: bit(sanicap, 1), overwrite: bit(sanicap, 2) },
      format: {
        supported: formats,
        everyNamespace: bit(fna, 0),
        eraseEveryNamespace: bit(fna, 1),
        crypto: bit(fna, 2),
        noBroadcast: bit(fna, 3),
      },
      sanitizeState: !sanitizes ? 'never' : log?.status === 'known' ? stateOf(log.value) : 'unknown',
      sanitizeSeconds:
        log?.status === 'known' ? log.value.estimates : { crypto: null, block: null, overwrite: null },
      unallocatedBytes: managesNamespaces ? unallocatedBytes : null,
    },
    ...identity.sources,
    ...namespaces.sources,
    ...(log?.sources ?? []),
  )
}

async function readNamespaces(
  { controller, paths }: NvmeDevices,
  managed: boolean,
  deps: ReadDeps,
): Promise<Finding<NvmeCapabilities['namespaces']>> {
  const attached = await listNamespaces(deps, controller, false)
  if (attached.status !== 'known') return attached
  // Without namespace management there is no other list, and none can be detached.
  const all = managed ? await listNamespaces(deps, controller, true) : attached
  if (all.status !== 'known') return all
  const found: NvmeCapabilities['namespaces'] = []
  // One that another controller of the subsystem shows has a path, though this controller does not list it.
  const ids = new Set([...all.value, ...attached.value, ...paths.keys()])
  for (const nsid of [...ids].sort((a, b) => a - b)) {
    const isAttached = attached.value.includes(nsid) || paths.has(nsid)
    const identity = await identifyNamespace(deps, controller, nsid, managed)
    if (identity.status !== 'known') return identity
    const { sizeBytes, lbaFormat } = identity.value
    found.push({
      nsid,
      attached: isAttached,
      path: paths.get(nsid) ?? null,
      sizeBytes,
      lbaFormat: sizeBytes === null ? null : lbaFormat,
    })
  }
  return known(found, ...new Set([...attached.sources, ...all.sources]))
}

const STATES: NvmeCapabilities['sanitizeState'][] = [
  'never',
  'completed',
  'running',
  'failed',
  'completed-no-deallocate',
]

export function stateOf({ status }: SanitizeLog): NvmeCapabilities['sanitizeState'] {
  return STATES[status] ?? 'unknown'
}
