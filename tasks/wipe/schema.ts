import type { Plan } from '../../src/runtime/task.ts'
import type { Disk } from '../../src/system/block/schema.ts'
import type { SmartHealth } from '../../src/system/block/smart-health.ts'
import type { BlockStack, TeardownAction } from '../../src/system/block/stack/schema.ts'
import type { Range, ReadResult } from '../../src/system/disk-io/schema.ts'
import type { Capabilities, FirmwareMethod } from '../../src/system/drive/schema.ts'
import type { Finding } from '../../src/system/finding.ts'
import type { HostIdentity } from '../../src/system/identity.ts'

/**
 * What an erase reaches, after IEEE 2883: `possible purge` where the standard leaves it to the drive's maker; `none` for
 * signatures only, which erases no data.
 */
export const LEVELS = ['purge', 'possible purge', 'clear', 'none'] as const
export type Level = (typeof LEVELS)[number]

export type EraseMethod = FirmwareMethod | 'overwrite' | 'signatures'

/** Whether a device is the one that was planned: all of it must be as it was. */
export interface DiskId {
  /** The kernel's name, for this boot only. */
  name: string
  path: string
  /** major:minor */
  dev: string
  /** The kernel's count of block devices, never given twice in one boot. */
  diskseq?: string
  serial?: string
  wwn?: string
  model?: string
  firmware?: string
  transport: string
  /** 0: not known, or no medium. */
  sizeBytes: number
  /** Logical sector size; 0: not known. */
  sectorBytes: number
  rotational: boolean | null
}

export interface WipeDisk {
  id: DiskId
  /** As the inventory has it, with what is unknown and why. */
  disk: Disk
  capabilities: Finding<Capabilities>
  /** Disks of one drive: namespaces of one NVMe subsystem share it; every other disk has its own. */
  drive: string
  /** Loop devices: only ever chosen by path. */
  virtual: boolean
  /** Whether the kernel can discard there (queue/discard_max_bytes above 0). */
  discard: boolean
  /** queue/zoned: none, host-aware or host-managed; null: the kernel does not say. */
  zoned: string | null
}

export interface WipeFacts {
  host: HostIdentity
  disks: WipeDisk[]
  /** Network-attached and cluster disks, by name, with what shows it: only when named. */
  shared: Record<string, string>
  stack: BlockStack
  /** Further reasons for which not every disk of this machine may have been seen: controllers without a driver, RAID. */
  unseen: string[]
  /** Fingerprint of the image's own key that signs certificates; null: it has none. */
  signer: string | null
}

/** One way to erase that may be tried; the first of a list is the best. */
export interface MethodChoice {
  method: EraseMethod
  level: Level
  /** `drive`: one command to one of the step's disks erases them all; `disk`: it is done to each of them. */
  scope: 'drive' | 'disk'
  /** Seconds, all passes of all disks of the step; null: nothing is known of it. */
  estimate: number | null
}

export type VerifyMode = 'full' | 'sample' | 'none'

/** How the erase by one method is proved. */
export interface VerifyCheck {
  mode: VerifyMode
  /** Why the verdict cannot be better than unknown. */
  doubt?: string
  /** One that was running already, of which the drive does not state the kind: in doubt unless the journal knows it. */
  kindUnknown?: true
  /** Seconds; null: nothing is known of it. */
  estimate: number | null
}

/** A disk that nothing is done to, and why that is as it was asked. */
export interface LeftDisk {
  disk: DiskId
  /** By `exclude`, or because there is nothing of its own to wipe (no medium, another path to one that is wiped). */
  excluded: boolean
  reason: string
}

/** What the steps of the plan carry. Every destructive one names the disks and what they were when it was planned. */
export interface WipeKinds {
  /** The disks of the machine are those that were planned for. */
  'check-disks': { disks: DiskId[]; left: LeftDisk[] }
  /** A disk that was asked for and is not touched. Ends as failed. */
  refuse: { disk: DiskId; reason: string; hint?: string }
  'tear-down': { disks: DiskId[]; actions: TeardownAction[] }
  /** Suspends the machine once for the drives that the firmware froze, before anything is done to any drive. */
  unfreeze: { disks: DiskId[] }
  /** It has an ATA password: the one that an interrupted erase of ours leaves is taken off. */
  unlock: { disk: DiskId }
  /** HPA, DCO, AMAC: give the drive its native size back. */
  'restore-size': { disk: DiskId; native: number | null; dco: number | null }
  /**
   * FORMAT UNIT to sectors of 512 or 4096 bytes: with 520 or 4160 the system can neither read nor write it, and its size is
   * not known before. It is no erase of its own: what `erase` holds comes after.
   */
  reformat: {
    disk: DiskId
    capabilities: Capabilities
    fromBytes: number
    /** One that runs already is waited for. */
    attach: boolean
    stall: number
  }
  /** SMART before, canaries; none where nothing can be written. */
  mark: { disk: DiskId; canaries: number; stall: number }
  erase: {
    /** One, or all namespaces of a drive whose method takes all. */
    disks: DiskId[]
    drive: string
    capabilities: Capabilities
    /** All of one level; another is tried only after a drive has rejected the one before. */
    choices: MethodChoice[]
    passes: number
    pattern: 'zero' | 'random'
    /** Discard everything first: an extra on flash, never the proof. */
    discard: boolean
    /** Suspend to RAM once if the drive is frozen. */
    suspend: boolean
    /**
     * A firmware erase that was running when the machine started: wait for it, start none. The choices are then what
     * may be running, all of one level.
     */
    attach: boolean
    stall: number
    /** For people: why nothing better is done, and what is not known. */
    notes: string[]
  }
  /** What proves each of the erase's choices: a firmware erase and an overwrite are not proved alike. */
  verify: { disk: DiskId; checks: Partial<Record<EraseMethod, VerifyCheck>>; stall: number }
  /** Signatures only. */
  'clear-signatures': { disk: DiskId }
  /** All disks were asked for, and not all may have been seen. Ends as unknown. */
  account: { unseen: string[] }
}

export type WipeStep = Plan<WipeKinds>['steps'][number]

/** What is known of one disk's erase while it goes on, kept for later steps and for a process that is started again. */
export interface DiskJournal {
  schema: 'speediso.wipe-journal/1'
  disk: DiskId
  /** Hex, 32 bytes, new for each run: canaries and sample places. */
  seed: string
  canaries: number[]
  smartBefore: Finding<SmartHealth> | null
  smartAfter: Finding<SmartHealth> | null
  /** What reading back found, and how much of it was asked for. */
  verification: { mode: VerifyMode; askedBytes: number; read: ReadResult } | null
  /** What the disk is since it was given its native size back or was formatted anew; null: as it was planned. */
  current: Pick<DiskId, 'sizeBytes' | 'sectorBytes'> | null
  /** An ATA password of ours may be set on the drive: it is the one that docs/wipe.md names. */
  passwordSet: boolean
  /** Steps by kind that ended as passed before. */
  passed: Record<string, { evidence: Record<string, unknown> }>
  erase: {
    method: EraseMethod
    level: Level
    started: string
    /** The method is certain: it was begun by this job, or the drive states it. */
    stated: boolean
    /** Overwrite: how many passes were begun with. */
    passes: number
    /** Overwrite: the pass that is being written (from 0), its pattern, and how far it is for certain. */
    pass: number
    patternSeed: string | null
    written: number
    unwritten: Range[]
    unwrittenBytes: number
    /** Milliseconds over all processes that took part. */
    spent: number
    ended: string | null
  } | null
}
