import type {
  AtaCapabilities,
  Capabilities,
  NvmeCapabilities,
  ScsiCapabilities,
} from '../../../src/system/drive/schema.ts'
import { diskSize } from '../sizes.ts'
import type { MethodName } from './method-names.ts'

/** A method that the drive has, in the order of preference within its level. */
export interface Offer {
  method: MethodName
  scope: 'drive' | 'disk'
  /** Why it cannot be used now. */
  unless?: string
  /** What it would leave in doubt. */
  doubt?: string
}

/** What the surroundings of a drive say about how it may be erased. */
export interface Setting {
  /** Paths of namespaces on the same drive that are not to be wiped with this one. */
  others: readonly string[]
  rotational: boolean | null
  /** Whether the machine may be suspended to unfreeze it. */
  suspend: boolean
  /** FORMAT UNIT is slow and leaves a drive without capacity when interrupted: only on demand. */
  formatAsked: boolean
}

/** Everything that a drive can do by its own word, overwriting included. */
export function offersOf(capabilities: Capabilities, setting: Setting): Offer[] {
  switch (capabilities.kind) {
    case 'nvme':
      return nvmeOffers(capabilities, setting)
    case 'ata':
      return ataOffers(capabilities, setting)
    case 'scsi':
      return scsiOffers(capabilities, setting)
    case 'plain':
      return [{ method: 'overwrite', scope: 'disk' }]
  }
}

function nvmeOffers(nvme: NvmeCapabilities, { others }: Setting): Offer[] {
  const { sanitize, format, sanitizeState } = nvme
  const wide =
    others.length === 0 ? {} : { unless: `it would erase ${others.join(', ')} too, which is not to be wiped` }
  // FNA bit 0 is about formats without erase, bit 1 about those with; drives are not trusted to keep the two apart.
  const formatsAll = format.everyNamespace || format.eraseEveryNamespace
  const reach = doubtful(nvme)
  // Of a whole drive every namespace is formatted, attached or not: by one command, or one after another.
  const whole = others.length === 0
  const afterFailure =
    sanitizeState === 'failed'
      ? { unless: 'an earlier sanitize failed: until one succeeds the drive takes nothing else' }
      : {}
  const formatted = {
    scope: formatsAll || whole ? ('drive' as const) : ('disk' as const),
    ...(formatsAll && reach.strange !== undefined
      ? { unless: `it erases every namespace, and ${reach.strange}` }
      : {}),
    ...(formatsAll ? wide : {}),
    ...afterFailure,
    ...doubtOf([whole ? undefined : reach.unattached, reach.strange, reach.unallocated]),
  }
  return [
    ...only(sanitize.crypto, { method: 'nvme-sanitize-crypto', scope: 'drive', ...wide }),
    ...only(sanitize.block, { method: 'nvme-sanitize-block', scope: 'drive', ...wide }),
    ...only(sanitize.overwrite, { method: 'nvme-sanitize-overwrite', scope: 'drive', ...wide }),
    ...only(format.supported && format.crypto, { method: 'nvme-format-crypto', ...formatted }),
    ...only(format.supported, { method: 'nvme-format-user-data', ...formatted }),
    {
      method: 'overwrite',
      scope: 'disk',
      ...afterFailure,
      ...doubtOf([reach.unattached, reach.strange, reach.unallocated]),
    },
  ]
}

/** What of an NVMe drive no block device shows. */
function doubtful({ namespaces, unallocatedBytes }: NvmeCapabilities) {
  const list = (some: typeof namespaces) => some.map(({ nsid }) => nsid).join(', ')
  const detached = namespaces.filter(({ attached }) => !attached)
  const unattached =
    detached.length === 0
      ? undefined
      : `namespace ${list(detached)} is not attached: only an erase of the whole drive reaches it`
  const nameless = namespaces.filter(({ attached, path }) => attached && path === null)
  const strange =
    nameless.length === 0 ? undefined : `namespace ${list(nameless)} is attached and has no block device here`
  const unallocated =
    unallocatedBytes === null || unallocatedBytes === 0
      ? undefined
      : `${diskSize(unallocatedBytes)} of the drive are in no namespace: only a sanitize reaches them`
  return { unattached, strange, unallocated }
}

function ataOffers({ sanitize, sanitizeState, security }: AtaCapabilities, setting: Setting): Offer[] {
  const { rotational, suspend } = setting
  const locked =
    security.locked && !isUnlockable(security, suspend)
      ? 'its ATA password locks it: unlock it first'
      : undefined
  const failed =
    sanitizeState === 'failed'
      ? 'an earlier sanitize failed: until one succeeds the drive takes nothing else'
      : undefined
  const frozen = (is: boolean) =>
    is && !suspend
      ? 'the firmware of this machine froze it: allow speediso.wipe.suspend=yes, or plug it in again while running'
      : undefined
  const sanitizing = because(locked ?? frozen(sanitizeState === 'frozen'))
  const erasing = because(
    locked ??
      failed ??
      frozen(security.frozen) ??
      (security.countExpired ? 'too many wrong ATA passwords were given: power-cycle it' : undefined) ??
      (security.enabled && !security.locked
        ? 'it has an ATA password, perhaps of somebody else: take that off first'
        : undefined),
  )
  const plain: Offer = { method: 'overwrite', scope: 'disk', ...because(locked ?? failed) }
  const erase: Offer = { method: 'ata-security-erase', scope: 'disk', ...erasing }
  const clear = only(security.supported, erase)
  return [
    ...(['crypto', 'block', 'overwrite'] as const).flatMap((kind) =>
      only(sanitize.supported && sanitize[kind], {
        method: `ata-sanitize-${kind}`,
        scope: 'disk',
        ...sanitizing,
      }),
    ),
    ...only(security.supported && security.enhanced, {
      method: 'ata-security-erase-enhanced',
      scope: 'disk',
      ...erasing,
    }),
    // Overwriting reaches all of a rotating disk and can be watched; of flash it leaves the spare blocks.
    ...(rotational === false ? [...clear, plain] : [plain, ...clear]),
  ]
}

/**
 * An interrupted erase of ours leaves a drive with a password that is known: a step of its own takes it off. One that is
 * open now is locked from the next power-on. `suspend`: a frozen drive is unfrozen before.
 */
export function isUnlockable(
  { enabled, frozen, countExpired }: AtaCapabilities['security'],
  suspend: boolean,
): boolean {
  return enabled && !countExpired && (!frozen || suspend)
}

function scsiOffers({ sanitize, format }: ScsiCapabilities, setting: Setting): Offer[] {
  const { rotational, formatAsked } = setting
  return [
    ...only(sanitize.crypto, { method: 'scsi-sanitize-crypto', scope: 'disk' }),
    ...only(sanitize.block && rotational !== true, { method: 'scsi-sanitize-block', scope: 'disk' }),
    ...only(sanitize.overwrite, { method: 'scsi-sanitize-overwrite', scope: 'disk' }),
    { method: 'overwrite', scope: 'disk' },
    ...only(format && formatAsked, { method: 'scsi-format', scope: 'disk' }),
  ]
}

function only(has: boolean, offer: Offer): Offer[] {
  return has ? [offer] : []
}

function because(reason: string | undefined): Pick<Offer, 'unless'> {
  return reason === undefined ? {} : { unless: reason }
}

function doubtOf(doubts: readonly (string | undefined)[]): Pick<Offer, 'doubt'> {
  const said = doubts.filter((doubt) => doubt !== undefined)
  return said.length === 0 ? {} : { doubt: said.join('; ') }
}
