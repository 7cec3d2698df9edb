import type { Capabilities } from '../../../src/system/drive/schema.ts'
import { standingDoubts } from './doubts.ts'
import { isSanitize, LEVEL_OF } from './levels.ts'
import { METHOD_NAMES, type MethodName } from './method-names.ts'
import { type Choice, type MethodOptions, type Methods, NOTHING, refuse, type Subject } from './subject.ts'

/** Until another one succeeds, the drive answers to no read or write. */
export function failedSanitize(capabilities: Capabilities): boolean {
  return (
    (capabilities.kind === 'nvme' || capabilities.kind === 'ata') && capabilities.sanitizeState === 'failed'
  )
}

export type Running = 'sanitize' | 'format'

export function runningErase(capabilities: Capabilities): Running | undefined {
  switch (capabilities.kind) {
    case 'nvme':
    case 'ata':
      return capabilities.sanitizeState === 'running' ? 'sanitize' : undefined
    case 'scsi':
      return capabilities.running === 'none' ? undefined : capabilities.running
    case 'plain':
      return undefined
  }
}

/** The drive takes no other command until it has ended, so it is waited for whatever `methods` says. */
export function attach(
  subject: Subject,
  capabilities: Capabilities,
  running: Running,
  options: MethodOptions,
): Methods {
  const notes = [`a ${running} was running already: it is waited for, and nothing else is begun`]
  if (subject.others.length > 0)
    notes.push(`it takes ${subject.others.join(', ')} too, whatever is asked now`)
  const standing = standingDoubts(subject)
  const doubts = [...standing.doubts, ...hiddenBelow(capabilities), ...passwordLeft(capabilities)]
  const doubt = doubts.length === 0 ? {} : { doubt: doubts.join('; ') }
  if (running === 'format') {
    if (options.level === 'purge')
      return refuse('a format is running, which only clears: start again when it has ended')
    const choice = { method: 'scsi-format', level: 'clear', scope: 'disk', ...doubt } as const
    return {
      ...NOTHING,
      choices: [choice],
      attach: true,
      unmarked: true,
      notes: [...notes, ...standing.notes],
    }
  }
  const scope = capabilities.kind === 'nvme' ? 'drive' : 'disk'
  const all = METHOD_NAMES.filter(
    (method) => isSanitize(method) && method.startsWith(`${capabilities.kind}-`),
  )
  const stated = all.filter((method) => statesSanitize(capabilities, method))
  const choices = (stated.length > 0 ? stated : all).map((method): Choice => {
    return { method, level: LEVEL_OF[method], scope, ...doubt }
  })
  return { ...NOTHING, choices, attach: true, unmarked: true, notes: [...notes, ...standing.notes] }
}

/** The doubt of a check with `kindUnknown`. */
export const KIND_UNKNOWN = 'which kind of sanitize ran is not known'

/** Whether what is waited for may be one of several kinds: only NVMe states which one it was. */
export function isKindUnknown(capabilities: Capabilities, { attach, choices }: Methods): boolean {
  return attach && capabilities.kind !== 'nvme' && choices.length > 1
}

function statesSanitize(capabilities: Capabilities, method: MethodName): boolean {
  if (capabilities.kind === 'plain') return false
  const kind = method.split('-').at(-1) as 'crypto' | 'block' | 'overwrite'
  return capabilities.sanitize[kind]
}

/** While a sanitize runs no size can be restored, so what is hidden is not read back. */
function hiddenBelow(capabilities: Capabilities): string[] {
  if (capabilities.kind !== 'ata') return []
  const { current, native, dco } = capabilities.sectors
  const most = Math.max(native ?? 0, dco ?? 0)
  return current === null || most <= current
    ? []
    : [`${most - current} hidden sectors (HPA, DCO) are not read back`]
}

/** While a sanitize runs no password is taken off; one that locks the drive has to be all the same. */
function passwordLeft(capabilities: Capabilities): string[] {
  if (capabilities.kind !== 'ata' || !capabilities.security.enabled || capabilities.security.locked) return []
  return ['it has an ATA password, which locks it from the next power-on']
}
