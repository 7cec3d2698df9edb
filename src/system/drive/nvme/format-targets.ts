import type { EraseTarget } from '../deps.ts'
import type { NvmeCapabilities } from '../schema.ts'

export interface FormatTarget {
  nsid: number
  lbaFormat: number
  /** Of all that this one command acts on. */
  sizeBytes: number
}

export type FormatTargets =
  | { refused: string }
  /** `left`: namespaces that this erase was not asked for. */
  | { attach: { nsid: number }[]; format: FormatTarget[]; left: number[] }

/**
 * Which namespaces to format for the disks that were asked for. Where one command erases all, one is enough, and all disks
 * of the drive have to be meant. Namespaces without a block device, such as those that are attached nowhere, belong to the
 * drive: they are erased when all of its disks are.
 */
export function targetsOf({ disks }: EraseTarget, { namespaces, format }: NvmeCapabilities): FormatTargets {
  const paths = new Set(disks.map(({ path }) => path))
  const isMeant = (path: string | null) => path !== null && paths.has(path)
  const meant = namespaces.filter(({ path }) => isMeant(path))
  const others = namespaces.flatMap(({ path }) => (path === null || isMeant(path) ? [] : [path]))
  if (meant.length !== disks.length) return { refused: 'not every disk is a namespace of this drive' }
  if (format.everyNamespace || format.eraseEveryNamespace) {
    if (others.length > 0)
      return { refused: `it erases all namespaces, and ${others.join(', ')} were not named` }
    const [first] = meant
    if (first === undefined || first.lbaFormat === null)
      return { refused: 'no namespace has a known LBA format' }
    const sizeBytes = namespaces.reduce((sum, each) => sum + (each.sizeBytes ?? 0), 0)
    const all = { nsid: first.nsid, lbaFormat: first.lbaFormat, sizeBytes }
    return { attach: [], format: [all], left: [] }
  }
  const hidden = others.length > 0 ? [] : namespaces.filter(({ path }) => path === null)
  const wanted = [...meant, ...hidden]
  const targets: FormatTarget[] = []
  for (const { nsid, lbaFormat, sizeBytes } of wanted) {
    if (lbaFormat === null) return { refused: `the LBA format of namespace ${nsid} is not known` }
    targets.push({ nsid, lbaFormat, sizeBytes: sizeBytes ?? 0 })
  }
  const attach = hidden.filter(({ attached }) => !attached).map(({ nsid }) => ({ nsid }))
  const left = namespaces.filter((each) => !wanted.includes(each)).map(({ nsid }) => nsid)
  return { attach, format: targets, left }
}
