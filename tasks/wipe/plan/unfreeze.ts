import { knownValue } from '../../../src/system/finding.ts'
import type { WipeOptions } from '../options.ts'
import type { WipeDisk, WipeFacts, WipeStep } from '../schema.ts'
import { runningErase } from './running.ts'
import type { Erasure } from './settle.ts'
import { capabilitiesOf } from './subject.ts'

export const UNFREEZE = 'unfreeze'

/** Whether the machine may be suspended: it was asked for, and no drive is at an erase that would lose its power. */
export function maySuspend({ suspend, quick }: WipeOptions, { disks }: WipeFacts): boolean {
  const busy = disks.some(({ capabilities }) => {
    const value = knownValue(capabilities)
    return value !== undefined && runningErase(value) !== undefined
  })
  return suspend && !quick && !busy
}

/** One suspend for all drives that are frozen, before anything is begun on any of them; undefined: none is. */
export function unfreezeStep(erasures: readonly Erasure[], needs: readonly string[]): WipeStep | undefined {
  const disks = erasures.flatMap(({ units }) => units.map(({ lead }) => lead)).filter(isFrozen)
  if (disks.length === 0) return undefined
  return {
    id: UNFREEZE,
    kind: 'unfreeze',
    title: `suspend the machine to memory once to unfreeze ${disks.map(({ id }) => id.path).join(', ')}`,
    lane: UNFREEZE,
    needs,
    params: { disks: disks.map(({ id }) => id) },
  }
}

function isFrozen(disk: WipeDisk): boolean {
  const value = capabilitiesOf(disk)
  return value.kind === 'ata' && (value.security.frozen || value.sanitizeState === 'frozen')
}
