import type { SealEntry } from './entry.ts'
import { CLUSTER } from './table/cluster.ts'
import { KEYS } from './table/keys.ts'
import { NETWORK } from './table/network.ts'
import { SYSTEM } from './table/system.ts'

/** Everything in a root image that is known to belong to one host. */
export const SEAL_TABLE: readonly SealEntry[] = [...SYSTEM, ...NETWORK, ...KEYS, ...CLUSTER]
