import type { Capabilities } from '../../../src/system/drive/schema.ts'
import { knownValue } from '../../../src/system/finding.ts'
import type { WipeOptions } from '../options.ts'
import type { EraseMethod, Level, WipeDisk } from '../schema.ts'
import { isNetworked } from './transport.ts'

/** Disks that are erased together: one, or all namespaces of a drive. */
export interface Subject {
  disks: readonly [WipeDisk, ...WipeDisk[]]
  /** Paths of other disks on the same drive, which are not to be wiped with these. */
  others: readonly string[]
}

export interface Choice {
  method: EraseMethod
  level: Level
  scope: 'drive' | 'disk'
  doubt?: string
}

/** How disks are erased; with `refuse` they are not, and there is no choice. */
export interface Methods {
  /** The best first, all of one level. */
  choices: Choice[]
  refuse?: string
  hint?: string
  /** A firmware erase runs already. */
  attach: boolean
  /** FORMAT UNIT to sectors of 512 bytes comes first. */
  reformat: boolean
  /** Nothing can be written before the erase, so there will be no canaries. */
  unmarked: boolean
  /** Why nothing better is done, and what is not known. */
  notes: string[]
}

export type MethodOptions = Pick<WipeOptions, 'level' | 'methods' | 'suspend' | 'quick'>
export type ChooseMethods = (subject: Subject, options: MethodOptions) => Methods

/** Bridges and cards pass erase commands on wrongly, half or to nobody; only reads and writes are trusted there. */
const WRITE_ONLY = new Set(['usb', 'mmc', 'raid', 'virtio', 'xen', 'nvdimm', 'unknown'])

export function takesWritesOnly({ transport }: WipeDisk['id']): boolean {
  return WRITE_ONLY.has(transport) || isNetworked(transport)
}

/** What is not known, or not to be relied on, counts as nothing but reads and writes. */
export function capabilitiesOf({ id, capabilities }: WipeDisk): Capabilities {
  if (takesWritesOnly(id)) return { kind: 'plain' }
  return knownValue(capabilities) ?? { kind: 'plain' }
}

export const NOTHING: Methods = { choices: [], attach: false, reformat: false, unmarked: false, notes: [] }

export function refuse(reason: string, hint?: string): Methods {
  return { ...NOTHING, refuse: reason, ...(hint === undefined ? {} : { hint }) }
}
