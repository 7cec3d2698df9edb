import type { Disk, Transport } from '../../../src/system/block/schema.ts'
import type { BlockNode, BlockStack, StackMount } from '../../../src/system/block/stack/schema.ts'
import type {
  AtaCapabilities,
  Capabilities,
  NvmeCapabilities,
  ScsiCapabilities,
} from '../../../src/system/drive/schema.ts'
import { absent, type Finding, known, unknown } from '../../../src/system/finding.ts'
import { optionsSchema, type WipeOptions } from '../../../tasks/wipe/options.ts'
import type { WipeDisk, WipeFacts } from '../../../tasks/wipe/schema.ts'

/** Options as the kernel command line would give them. */
export function optionsOf(texts: Record<string, string> = {}): WipeOptions {
  return optionsSchema.parse(texts)
}

export interface DiskSketch {
  transport?: Transport | 'unknown'
  serial?: string | null
  wwn?: string | null
  model?: string | null
  byPath?: string
  sizeBytes?: number | null
  sectorBytes?: number | null
  rotational?: boolean | null
  readOnly?: boolean | null
  removable?: boolean | null
  capabilities?: Capabilities | string
  drive?: string
  virtual?: boolean
  discard?: boolean
  zoned?: string | null
  /** Names of what the inventory saw on top; a text: why that is not known. */
  holders?: string[] | string
}

const find = <T>(value: T | null | undefined, what: string): Finding<T> =>
  value === undefined || value === null ? unknown(`no ${what}`, '/sys') : known(value, '/sys')

export function disk(name: string, sketch: DiskSketch = {}): WipeDisk {
  const {
    transport = 'sata',
    serial = `SN-${name}`,
    wwn = null,
    model = `ACME ${transport}`,
    byPath,
    sizeBytes = 1_000_204_886_016,
    sectorBytes = 512,
    rotational = transport !== 'nvme',
    readOnly = false,
    removable = false,
    capabilities = { kind: 'plain' },
    drive = name,
    virtual = false,
    discard = false,
    zoned = 'none',
    holders = [],
  } = sketch
  const path = `/dev/${name}`
  const inventory: Disk = {
    name,
    path,
    transport: transport === 'unknown' ? unknown('no place', '/sys') : known(transport, '/sys'),
    vendor: absent('none', '/sys'),
    model: find(model, 'model'),
    serial: find(serial, 'serial'),
    wwn: wwn === null ? absent('none', '/sys') : known(wwn, '/sys'),
    firmware: absent('none', '/sys'),
    sizeBytes: find(sizeBytes, 'size'),
    logicalSectorBytes: find(sectorBytes, 'sector size'),
    physicalSectorBytes: find(sectorBytes, 'sector size'),
    rotational: find(rotational, 'rotational'),
    readOnly: find(readOnly, 'ro'),
    removable: find(removable, 'removable'),
    pciAddress: absent('none', '/sys'),
    byPath: byPath === undefined ? absent('none', '/sys') : known(byPath, '/sys'),
    partitions: absent('none', '/sys'),
    holders:
      typeof holders === 'string'
        ? unknown(holders, '/sys')
        : holders.length === 0
          ? absent('none', '/sys')
          : known(holders, '/sys'),
  }
  return {
    id: {
      name,
      path,
      dev: `8:${name}`,
      ...(serial === null ? {} : { serial }),
      ...(wwn === null ? {} : { wwn }),
      ...(model === null ? {} : { model }),
      transport,
      sizeBytes: sizeBytes ?? 0,
      sectorBytes: sectorBytes ?? 0,
      rotational,
    },
    disk: inventory,
    capabilities:
      typeof capabilities === 'string'
        ? unknown(capabilities, 'the drive')
        : known(capabilities, 'the drive'),
    drive,
    virtual,
    discard,
    zoned,
  }
}

export interface NvmeSketch {
  sanitize?: ('crypto' | 'block' | 'overwrite')[]
  format?: Partial<NvmeCapabilities['format']>
  state?: NvmeCapabilities['sanitizeState']
  namespaces?: { nsid: number; attached?: boolean; path: string | null }[]
  unallocatedBytes?: number | null
  drive?: string
}

export function nvme(sketch: NvmeSketch = {}): NvmeCapabilities {
  const { sanitize = [], format = {}, state = 'never', namespaces = [], unallocatedBytes = 0 } = sketch
  return {
    kind: 'nvme',
    controller: '/dev/nvme0',
    subsystem: sketch.drive ?? 'nqn.2014-08.org:acme',
    namespaces: namespaces.map(({ nsid, attached = true, path }) => ({
      nsid,
      attached,
      path,
      sizeBytes: 1e12,
      lbaFormat: 0,
    })),
    sanitize: {
      crypto: sanitize.includes('crypto'),
      block: sanitize.includes('block'),
      overwrite: sanitize.includes('overwrite'),
    },
    format: {
      supported: true,
      everyNamespace: false,
      eraseEveryNamespace: false,
      crypto: false,
      noBroadcast: false,
      ...format,
    },
    sanitizeState: state,
    unallocatedBytes,
  }
}

export interface AtaSketch {
  sanitize?: ('crypto' | 'block' | 'overwrite')[]
  state?: AtaCapabilities['sanitizeState']
  security?: Partial<AtaCapabilities['security']>
  sectors?: Partial<AtaCapabilities['sectors']>
}

export function ata({
  sanitize = [],
  state = 'idle',
  security = {},
  sectors = {},
}: AtaSketch = {}): AtaCapabilities {
  return {
    kind: 'ata',
    sanitize: {
      supported: sanitize.length > 0,
      crypto: sanitize.includes('crypto'),
      block: sanitize.includes('block'),
      overwrite: sanitize.includes('overwrite'),
      antifreeze: false,
    },
    sanitizeState: state,
    security: {
      supported: true,
      enabled: false,
      locked: false,
      frozen: false,
      countExpired: false,
      enhanced: true,
      eraseMinutes: 100,
      enhancedMinutes: 100,
      ...security,
    },
    sectors: { current: 1_953_525_168, native: 1_953_525_168, dco: null, logicalBytes: 512, ...sectors },
  }
}

export interface ScsiSketch {
  sanitize?: ('crypto' | 'block' | 'overwrite')[]
  format?: boolean
  logicalBytes?: number
  running?: ScsiCapabilities['running']
}

export function scsi({
  sanitize = [],
  format = true,
  logicalBytes = 512,
  running = 'none',
}: ScsiSketch = {}): ScsiCapabilities {
  return {
    kind: 'scsi',
    sanitize: {
      crypto: sanitize.includes('crypto'),
      block: sanitize.includes('block'),
      overwrite: sanitize.includes('overwrite'),
    },
    format,
    logicalBytes,
    running,
  }
}

/** A device of the stack; `kind` and the rest as they are most often. */
export function node(name: string, more: Partial<BlockNode> = {}): BlockNode {
  return {
    name,
    path: `/dev/${name}`,
    dev: `n:${name}`,
    kind: 'partition',
    sizeBytes: 1e9,
    readOnly: false,
    on: [],
    mounts: [],
    swap: false,
    signatures: [],
    ...more,
  }
}

export interface MachineSketch {
  disks: WipeDisk[]
  /** What stands on the disks. */
  nodes?: BlockNode[]
  stack?: Partial<BlockStack>
  shared?: Record<string, string>
  unseen?: string[]
}

/** The facts of a machine; every disk has its node, and every mounted node its mount. */
export function machine({
  disks,
  nodes = [],
  stack = {},
  shared = {},
  unseen = [],
}: MachineSketch): WipeFacts {
  const diskNodes = disks
    .filter(({ id }) => !nodes.some(({ name }) => name === id.name))
    .map(({ id, virtual }) => node(id.name, { kind: virtual ? 'loop' : 'disk', sizeBytes: id.sizeBytes }))
  const all = [...diskNodes, ...nodes]
  const mounts: StackMount[] = all.flatMap(({ name, dev, mounts: points }, index) =>
    points.map((mountPoint, place) => ({
      // Everything is mounted on the root.
      id: mountPoint === '/' ? 1 : 100 + index * 10 + place,
      parent: mountPoint === '/' ? 0 : 1,
      dev,
      mountPoint,
      type: 'ext4',
      source: `/dev/${name}`,
      readOnly: false,
      on: [name],
      uses: [],
      lost: [],
    })),
  )
  return {
    host: { hostId: 'host-1', origin: 'test', macs: [], hostname: 'test' },
    disks,
    shared,
    stack: {
      nodes: all,
      mounts,
      swapFiles: [],
      pools: [],
      boot: {},
      untraced: [],
      unreadable: {},
      silent: {},
      ...stack,
    },
    unseen,
    signer: null,
  }
}
