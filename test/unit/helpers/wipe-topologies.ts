import fc from 'fast-check'
import type { BlockNode } from '../../../src/system/block/stack/schema.ts'
import type { WipeOptions } from '../../../tasks/wipe/options.ts'
import type { WipeDisk, WipeFacts } from '../../../tasks/wipe/schema.ts'
import { ata, disk, machine, node, nvme, optionsOf, scsi } from './wipe-machines.ts'

const kinds = fc.subarray(['crypto', 'block', 'overwrite'] as const).map((list) => [...list])

/** Null `often` times as often as a value. */
function rarely<T>(value: fc.Arbitrary<T>, often: number): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: often, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: value })
}

const flags = fc.record({
  readOnly: fc.oneof(
    { weight: 20, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  zoned: fc.constantFrom('none', 'none', 'none', 'host-aware', 'host-managed', null),
  rotational: fc.constantFrom(true, false, null),
  removable: fc.constantFrom(false, false, true),
  discard: fc.boolean(),
})

const size = fc.constantFrom(1e12 - (1e12 % 4096), 480_103_981_056, 4096 * 10)

/** Makes the disks of one drive, given the number that makes their names unique. */
type Drive = (index: number) => WipeDisk[]

const letter = (index: number) => `sd${String.fromCharCode(97 + index)}`

const ataDrive: fc.Arbitrary<Drive> = fc
  .record({
    flags,
    size,
    sanitize: kinds,
    state: fc.constantFrom('idle', 'idle', 'frozen', 'failed', 'running', 'unknown'),
    security: fc.record({
      supported: fc.constantFrom(true, true, true, false),
      enabled: fc.constantFrom(false, false, false, true),
      locked: fc.constantFrom(false, false, false, true),
      frozen: fc.boolean(),
      enhanced: fc.constantFrom(true, true, false),
    }),
    sectors: fc.constantFrom({}, { current: 1000 }, { native: null }, { dco: 2e9 }),
    transport: fc.constantFrom('sata', 'sata', 'usb', 'unknown'),
    known: fc.constantFrom(true, true, true, false),
  })
  .map(({ flags, size, transport, known, ...sketch }) => {
    const capabilities = known ? ata(sketch as Parameters<typeof ata>[0]) : 'no answer'
    return (index) => [
      disk(letter(index), { ...flags, sizeBytes: size, transport: transport as 'sata', capabilities }),
    ]
  })

const scsiDrive: fc.Arbitrary<Drive> = fc
  .record({
    flags,
    sanitize: kinds,
    format: fc.boolean(),
    logicalBytes: fc.constantFrom(512, 512, 4096, 520),
    running: fc.constantFrom('none', 'none', 'none', 'sanitize', 'format'),
    transport: fc.constantFrom('sas', 'sas', 'raid', 'iscsi', 'fc'),
    size: fc.constantFrom(1e12 - (1e12 % 4096), 0),
  })
  .map(({ flags, transport, size, ...sketch }) => (index) => [
    disk(letter(index), {
      ...flags,
      sizeBytes: size,
      sectorBytes: sketch.logicalBytes === 4096 ? 4096 : 512,
      transport: transport as 'sas',
      capabilities: scsi(sketch as Parameters<typeof scsi>[0]),
    }),
  ])

const plainDrive: fc.Arbitrary<Drive> = fc
  .record({ flags, size, transport: fc.constantFrom('virtio', 'mmc', 'usb', 'xen') })
  .map(({ flags, size, transport }) => (index) => [
    disk(letter(index), { ...flags, sizeBytes: size, transport: transport as 'usb', serial: null }),
  ])

const loopDevice: fc.Arbitrary<Drive> = size.map((sizeBytes) => (index) => [
  disk(`loop${index}`, { sizeBytes, transport: 'other', virtual: true, serial: null }),
])

const nvmeDrive: fc.Arbitrary<Drive> = fc
  .record({
    flags,
    sanitize: kinds,
    state: fc.constantFrom('never', 'never', 'completed', 'failed', 'running', 'unknown'),
    format: fc.record({
      supported: fc.boolean(),
      everyNamespace: fc.boolean(),
      eraseEveryNamespace: fc.boolean(),
      crypto: fc.boolean(),
    }),
    count: fc.integer({ min: 1, max: 3 }),
    hidden: fc.constantFrom<{ attached: boolean }[]>([], [], [{ attached: false }], [{ attached: true }]),
    unallocatedBytes: fc.constantFrom(0, null, 1e12),
    transport: fc.constantFrom('nvme', 'nvme', 'nvme', 'nvme-fabrics'),
  })
  .map(({ flags, count, hidden, transport, ...sketch }) => (index) => {
    const names = Array.from({ length: count }, (_, place) => `nvme${index}n${place + 1}`)
    const namespaces = [
      ...names.map((name, place) => ({ nsid: place + 1, path: `/dev/${name}` })),
      ...hidden.map(({ attached }) => ({ nsid: 9, attached, path: null })),
    ]
    const drive = `nqn-${index}`
    const capabilities = nvme({ ...(sketch as Parameters<typeof nvme>[0]), namespaces, drive })
    const serial = `NVME-${index}`
    return names.map((name) =>
      disk(name, { ...flags, transport: transport as 'nvme', capabilities, drive, serial }),
    )
  })

/** Two names of one disk, by a multipath device or without. */
const pathPair: fc.Arbitrary<Drive> = kinds.map((sanitize) => (index) => {
  const sketch = {
    transport: 'sas',
    serial: `SAS-${index}`,
    wwn: `0x5000c5000000000${index}`,
    capabilities: scsi({ sanitize }),
  } as const
  return [disk(letter(index), sketch), disk(`sdx${letter(index)}`, sketch)]
})

const drives = fc.oneof(
  { weight: 3, arbitrary: ataDrive },
  { weight: 3, arbitrary: scsiDrive },
  { weight: 4, arbitrary: nvmeDrive },
  { weight: 1, arbitrary: plainDrive },
  { weight: 1, arbitrary: loopDevice },
  { weight: 2, arbitrary: pathPair },
)

interface Layer {
  kind: 'md' | 'lvm' | 'crypt' | 'partition'
  on: number[]
  mounted: boolean
  swap: boolean
}

const layer: fc.Arbitrary<Layer> = fc.record({
  kind: fc.constantFrom('md', 'lvm', 'crypt', 'partition'),
  on: fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }),
  mounted: fc.boolean(),
  swap: fc.constantFrom(false, false, true),
})

function nodesOf(disks: readonly WipeDisk[], layers: readonly Layer[], paired: boolean): BlockNode[] {
  const nodes: BlockNode[] = []
  const names = disks.map(({ id }) => id.name)
  if (paired) {
    for (const name of names.filter((each) => each.startsWith('sdx'))) {
      const on = [name.slice(3), name]
      nodes.push(node(`dm-${name}`, { kind: 'dm', dmRole: 'multipath', dmName: `mpath-${name}`, on }))
      // Nothing stands on the paths themselves.
      names.splice(names.indexOf(on[0] ?? ''), 1)
      names.splice(names.indexOf(name), 1)
      names.push(`dm-${name}`)
    }
  }
  for (const [index, { kind, on, mounted, swap }] of layers.entries()) {
    const below = [...new Set(on.map((place) => names[place % names.length] ?? ''))]
    const use = { mounts: mounted ? [`/mnt/${index}`] : [], swap: swap && !mounted }
    const name = kind === 'partition' ? `part${index}` : kind === 'md' ? `md${index}` : `dm-${index}`
    const role = kind === 'lvm' || kind === 'crypt' ? { dmRole: kind, dmName: `vol${index}` } : {}
    const on1 = kind === 'partition' || kind === 'crypt' ? below.slice(0, 1) : below
    const what = kind === 'md' ? 'md' : kind === 'partition' ? 'partition' : 'dm'
    nodes.push(node(name, { kind: what, ...role, on: on1, ...use }))
    names.push(name)
  }
  return nodes
}

export interface Topology {
  facts: WipeFacts
  options: WipeOptions
}

/** Machines of every kind of disk, with arrays, volumes and mounts on them, and what may be asked of them. */
export const topology: fc.Arbitrary<Topology> = fc
  .record({
    drives: fc.array(drives, { minLength: 1, maxLength: 6 }),
    layers: fc.array(layer, { maxLength: 5 }),
    paired: fc.boolean(),
    boot: rarely(fc.nat(10), 1),
    unreadable: rarely(fc.nat(10), 9),
    cluster: rarely(fc.nat(10), 5),
    untraced: rarely(fc.constant('/ was not traced'), 9),
    unseen: fc.constantFrom<string[]>([], ['a controller without driver']),
    chosen: rarely(fc.array(fc.nat(10), { minLength: 1, maxLength: 4 }), 2),
    excluded: rarely(fc.array(fc.nat(10), { minLength: 1, maxLength: 2 }), 1),
    byKind: rarely(fc.constantFrom('transport:nvme', 'transport:sata'), 9),
    texts: fc.record(
      {
        level: fc.constantFrom('auto', 'purge', 'clear'),
        verify: fc.constantFrom('auto', 'full', 'sample', 'none'),
        suspend: fc.constantFrom('yes', 'no'),
        methods: fc.constantFrom(
          'all',
          'all',
          'overwrite',
          'nvme-sanitize,ata-sanitize',
          'nvme-format,scsi-format,overwrite',
        ),
        passes: fc.constantFrom('1', '3'),
      },
      { requiredKeys: [] },
    ),
    quick: fc.constantFrom(false, false, false, false, true),
  })
  .map((sketch) => {
    const disks = sketch.drives.flatMap((make, index) => make(index))
    const at = (place: number) => disks[place % disks.length]?.id.name ?? ''
    const path = (place: number) => `path:/dev/${at(place)}`
    const shared: Record<string, string> = {}
    for (const { id } of disks) {
      if (['fc', 'iscsi', 'nvme-fabrics', 'srp'].includes(id.transport))
        shared[id.name] = 'attached by a network'
    }
    if (sketch.cluster !== null) shared[at(sketch.cluster)] = 'a cluster file system'
    const facts = machine({
      disks,
      nodes: nodesOf(disks, sketch.layers, sketch.paired),
      shared,
      unseen: sketch.unseen,
      stack: {
        boot: sketch.boot === null ? {} : { [at(sketch.boot)]: '/ is on it' },
        unreadable: sketch.unreadable === null ? {} : { [at(sketch.unreadable)]: 'EIO' },
        untraced: sketch.untraced === null ? [] : [sketch.untraced],
      },
    })
    const chosen = [...(sketch.chosen ?? []).map(path), ...(sketch.byKind === null ? [] : [sketch.byKind])]
    const options = optionsOf({
      ...(sketch.quick ? { quick: 'yes' } : sketch.texts),
      ...(chosen.length === 0 ? {} : { disks: chosen.join(',') }),
      ...(sketch.excluded === null ? {} : { exclude: sketch.excluded.map(path).join(',') }),
    })
    return { facts, options }
  })
