import { knownValue } from '../../../src/system/finding.ts'
import type { WipeOptions } from '../options.ts'
import type { EraseMethod, VerifyCheck, VerifyMode, WipeDisk, WipeKinds, WipeStep } from '../schema.ts'
import { eraseSeconds, type FirmwareSeconds, verifySeconds } from './estimate.ts'
import { idOf, shortName, targetOf } from './names.ts'
import { isUnlockable } from './offers.ts'
import { isKindUnknown } from './running.ts'
import { oddSector } from './sectors.ts'
import type { Erasure } from './settle.ts'
import { type Choice, capabilitiesOf, type Methods } from './subject.ts'

/**
 * More than the 64 that prove a firmware erase: a worn disk may not take every one of them.
 */
const CANARIES = 128

const CANARY_BYTES = 4096

/**
 * The lane of one drive from its native size to the proof. Namespaces that are erased one by one have lanes of their own:
 * one that fails does not hold up the others.
 */
export function eraseSteps(
  erasure: Erasure,
  options: WipeOptions,
  needs: readonly string[],
  notes: readonly string[],
  firmware?: FirmwareSeconds,
): WipeStep[] {
  const { drive, units, methods } = erasure
  const disks = units.map(({ lead }) => lead)
  const [first] = disks
  if (first === undefined) return []
  if (options.quick) return disks.map((disk) => clearStep(disk, `disk ${disk.id.name}`, needs))
  const alone = disks.length === 1
  const lane = alone ? `disk ${first.id.name}` : `drive ${drive}`
  const sized = disks.map((disk) => ({
    id: disk.id,
    sizeBytes: nativeBytes(disk),
    capabilities: capabilitiesOf(disk),
  }))
  const seconds = ({ method, scope }: Choice) => eraseSeconds(method, scope, sized, options.passes, firmware)
  const choices = methods.choices.map((choice) => {
    const { method, level, scope } = choice
    return { method, level, scope, estimate: seconds(choice) }
  })
  const [best] = choices
  if (best === undefined) return []
  const id = `erase-${idOf(first.id)}`
  const overwrites = choices.some(({ method }) => method === 'overwrite')
  const before = disks.map((disk) => [
    ...unlockSteps(disk, lane, needs, methods.attach, options.suspend),
    ...(methods.attach ? [] : restoreSteps(disk, lane, needs)),
    ...(methods.reformat ? [reformatStep(disk, lane, needs, options.stall)] : []),
  ])
  return [
    ...before.flat(),
    ...disks.map((disk, index) => {
      const ready = [...needs, ...(before[index] ?? []).map((step) => step.id)]
      return markStep(disk, lane, ready, methods.unmarked, options.stall)
    }),
    {
      id,
      kind: 'erase',
      title: `erase ${disks.map((disk) => shortName(disk.id)).join(', ')} by ${best.method} (${best.level})`,
      ...(alone ? { target: targetOf(first.id) } : {}),
      lane,
      // A disk that hangs at its canaries is left alone.
      needs: [...needs, ...disks.map((disk) => `mark-${idOf(disk.id)}`)],
      ...(best.estimate === null ? {} : { estimate: best.estimate }),
      params: {
        disks: disks.map((disk) => disk.id),
        drive,
        capabilities: capabilitiesOf(first),
        choices,
        passes: options.passes,
        pattern: options.pattern,
        discard: overwrites && disks.every(isDiscardable),
        // All drives are unfrozen at once before: a suspend now would cut the power of erases beside this one.
        suspend: false,
        attach: methods.attach,
        stall: options.stall,
        notes: [...methods.notes, ...notes],
      },
    },
    ...disks.map((disk) => verifyStep(disk, lane, id, checksOf(disk, methods, options), options.stall)),
  ]
}

function clearStep(disk: WipeDisk, lane: string, needs: readonly string[]): WipeStep {
  return {
    id: `clear-signatures-${idOf(disk.id)}`,
    kind: 'clear-signatures',
    title: `clear signatures of ${shortName(disk.id)}, its data stays`,
    target: targetOf(disk.id),
    lane,
    needs,
    estimate: 1,
    params: { disk: disk.id },
  }
}

function unlockSteps(
  disk: WipeDisk,
  lane: string,
  needs: readonly string[],
  attach: boolean,
  suspend: boolean,
): WipeStep[] {
  const capabilities = capabilitiesOf(disk)
  if (capabilities.kind !== 'ata' || !isUnlockable(capabilities.security, suspend)) return []
  // While a sanitize runs the drive takes no other command.
  if (attach && !capabilities.security.locked) return []
  return [
    {
      id: `unlock-${idOf(disk.id)}`,
      kind: 'unlock',
      title: `take the password that an interrupted erase leaves off ${shortName(disk.id)}`,
      target: targetOf(disk.id),
      lane,
      needs,
      params: { disk: disk.id },
    },
  ]
}

/** What a host protected area or a configuration overlay hides would else stay; a USB bridge does not pass it on. */
function restoreSteps(disk: WipeDisk, lane: string, needs: readonly string[]): WipeStep[] {
  const value = knownValue(disk.capabilities)
  if (value?.kind !== 'ata' || capabilitiesOf(disk).kind !== 'ata') return []
  const { current, native, dco } = value.sectors
  const most = Math.max(native ?? 0, dco ?? 0)
  if (current === null || most <= current) return []
  return [
    {
      id: `restore-size-${idOf(disk.id)}`,
      kind: 'restore-size',
      title: `restore the ${most - current} hidden sectors of ${shortName(disk.id)}`,
      target: targetOf(disk.id),
      lane,
      needs,
      params: { disk: disk.id, native, dco },
    },
  ]
}

function reformatStep(disk: WipeDisk, lane: string, needs: readonly string[], stall: number): WipeStep {
  const value = knownValue(disk.capabilities)
  const fromBytes = oddSector(disk) ?? disk.id.sectorBytes
  return {
    id: `reformat-${idOf(disk.id)}`,
    kind: 'reformat',
    title: `format ${shortName(disk.id)} from sectors of ${fromBytes} bytes to ${fromBytes > 4096 ? 4096 : 512}`,
    target: targetOf(disk.id),
    lane,
    needs,
    params: {
      disk: disk.id,
      capabilities: capabilitiesOf(disk),
      fromBytes,
      attach: value?.kind === 'scsi' && value.running !== 'none',
      stall,
    },
  }
}

function markStep(
  disk: WipeDisk,
  lane: string,
  needs: readonly string[],
  unmarked: boolean,
  stall: number,
): WipeStep {
  const { id } = disk
  const slots = Math.floor(id.sizeBytes / Math.max(CANARY_BYTES, id.sectorBytes))
  // A size that comes only with a format is surely above this.
  const canaries = unmarked ? 0 : id.sizeBytes === 0 ? CANARIES : Math.min(CANARIES, slots)
  return {
    id: `mark-${idOf(id)}`,
    kind: 'mark',
    title:
      canaries === 0
        ? `read the health of ${shortName(id)}`
        : `read the health of ${shortName(id)}, write ${canaries} canaries`,
    target: targetOf(id),
    lane,
    needs,
    params: { disk: id, canaries, stall },
  }
}

function verifyStep(
  { id }: WipeDisk,
  lane: string,
  erase: string,
  checks: WipeKinds['verify']['checks'],
  stall: number,
): WipeStep {
  const [best] = Object.values(checks)
  const mode = best?.mode ?? 'none'
  const how = { full: 'all of it', sample: 'samples and canaries', none: 'nothing, as asked' }[mode]
  return {
    id: `verify-${idOf(id)}`,
    kind: 'verify',
    title: `verify ${shortName(id)}: read back ${how}`,
    target: targetOf(id),
    lane,
    needs: [erase],
    ...(best?.estimate === null || best === undefined ? {} : { estimate: best.estimate }),
    params: { disk: id, checks, stall },
  }
}

/** In the order of the choices. */
function checksOf(disk: WipeDisk, methods: Methods, options: WipeOptions): WipeKinds['verify']['checks'] {
  const checks: Partial<Record<EraseMethod, VerifyCheck>> = {}
  const { choices, unmarked } = methods
  const kindUnknown = isKindUnknown(capabilitiesOf(disk), methods) ? { kindUnknown: true as const } : {}
  for (const { method, doubt } of choices) {
    const mode: VerifyMode =
      options.verify === 'auto' ? (method === 'overwrite' ? 'full' : 'sample') : options.verify
    const doubts = [
      doubt,
      mode === 'none' ? 'not verified, as it was asked' : undefined,
      unmarked && disk.zoned === 'host-managed' ? 'no canary could be written to its zones' : undefined,
    ].filter((each) => each !== undefined)
    checks[method] = {
      mode,
      ...(doubts.length === 0 ? {} : { doubt: doubts.join('; ') }),
      ...kindUnknown,
      estimate: verifySeconds(disk.id, nativeBytes(disk), mode),
    }
  }
  return checks
}

/** What is to be erased in the end: with what is hidden now. */
function nativeBytes(disk: WipeDisk): number {
  const capabilities = capabilitiesOf(disk)
  if (capabilities.kind !== 'ata') return disk.id.sizeBytes
  const { current, native, dco, logicalBytes } = capabilities.sectors
  return current === null ? disk.id.sizeBytes : Math.max(current, native ?? 0, dco ?? 0) * logicalBytes
}

/** Flash of this machine: for a virtual disk or a volume it is somebody else's allocation that would change. */
function isDiscardable({ id, discard, virtual, zoned }: WipeDisk): boolean {
  const flash = ['nvme', 'sata', 'ata', 'sas', 'mmc', 'usb'].includes(id.transport)
  return discard && flash && id.rotational === false && !virtual && zoned !== 'host-managed'
}
