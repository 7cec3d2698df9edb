import { actsOf } from '../../../src/root/acts.ts'
import { decide } from '../../../src/root/decide.ts'
import { chooseBoot, type LoaderImage } from '../../../src/root/loader/table.ts'
import { chooseTrialEnv } from '../../../src/root/loader/trial-env.ts'
import { IMAGE_ROLES } from '../../../src/root/names.ts'
import { bootedBy } from '../../../src/root/observe/observe.ts'
import type { ImageFacts } from '../../../src/root/record.ts'
import { chooseRecord } from '../../../src/root/record-file.ts'
import type { Decision, Fallback, LoaderTrial, Observed, Occasion } from '../../../src/root/schema.ts'
import { type Disk, LiveDisk, NAMES, type Names } from './disk.ts'
import { IMAGES, idOf, imageOf } from './images.ts'

/** A host that is off. `confirmed`: the image that was last confirmed, or gone back to by request; the model's own knowledge. */
export interface Off {
  disk: Disk
  confirmed: string
}

/** A host whose system is up. */
export interface Running {
  disk: LiveDisk
  booted: string
  confirmed: string
  /** What GRUB said on the kernel command line, which stays as long as the system runs. */
  fallback: Fallback | undefined
}

export interface Told {
  /** A host after a power cut. */
  cut(host: Off): void
  /** Something that must not be. */
  broken(what: string): void
  /** In place of the real one, to see that this model finds what is wrong with another. */
  decide?: typeof decide
  /** Where GRUB has no image: something else starts the kernel and the initramfs of this one, such as a netboot. */
  netboot?: string
}

const TRIES = 3
const FLAG = NAMES.flag

/** How a start ended. */
export type Started = { up: Running } | { off: Off }

/** Power on. `kexec`: whether another image's kernel is started by kexec, or by a reboot. */
export function start(host: Off, kexec: boolean, told: Told): Started {
  const seen = (name: string): LoaderImage | undefined => {
    const key = host.disk.grub[name]
    return key === undefined ? undefined : { id: idOf(key), loads: imageOf(key).loads }
  }
  const current = seen(NAMES.current)
  const old = seen(NAMES.old)
  // Whoever waits in a rescue system does not come up by itself.
  const rescue = told.netboot === undefined
  const view = { ...(current && { current }), ...(old && { old }), copies: host.disk.loader, rescue }
  const choice = chooseBoot(view)
  if (choice.boots !== 'current' && choice.boots !== 'old') {
    if (told.netboot !== undefined) return initramfs(host, { booted: told.netboot }, kexec, told)
    told.broken(`GRUB boots ${choice.boots}`)
    return { off: host }
  }
  const disk = new LiveDisk(host.disk, false)
  for (const [copy, env] of (choice.saves ?? []).entries()) {
    for (const cut of disk.save(copy as 0 | 1, env)) told.cut({ ...host, disk: cut })
  }
  const booted = host.disk.grub[NAMES[choice.boots]] ?? ''
  const said = choice.tries === undefined ? undefined : { image: current?.id ?? '', tries: choice.tries }
  const after = { ...host, disk: { ...host.disk, loader: disk.loader } }
  if (imageOf(booted).behaviour === 'panics') return { off: after }
  const { fallback } = choice
  return initramfs(after, { booted, as: choice.boots, loader: said, fallback }, kexec, told)
}

function initramfs(host: Off, seen: Seen & { booted: string }, kexec: boolean, told: Told): Started {
  const { booted, fallback } = seen
  const disk = new LiveDisk(host.disk, true)
  for (const cut of disk.off()) told.cut({ ...host, disk: cut })
  const { decision, confirmed } = carryOut(disk, 'boot', seen, host.confirmed, told)
  const { boot } = decision
  if (boot === undefined) {
    told.broken('the initramfs has nothing to boot')
    return { off: { disk: disk.unmounted(), confirmed } }
  }
  if (boot.how === 'restart') {
    const off = { disk: disk.unmounted(), confirmed }
    const { behaviour, loads } = imageOf(boot.image)
    // A kexec may fail, or not be possible: then it is a reboot.
    told.cut(off)
    if (!kexec || behaviour === 'panics' || !loads) return { off }
    return initramfs(off, { booted: boot.image, as: 'current' }, kexec, told)
  }
  if (imageOf(boot.image).kernel !== imageOf(booted).kernel) {
    told.broken(`the kernel of ${booted} runs the root of ${boot.image}`)
  }
  if (disk.names[NAMES[boot.role]] !== boot.image) told.broken(`${boot.image} is not ${boot.role}`)
  if (imageOf(boot.image).behaviour === 'no init') return { off: { disk: disk.unmounted(), confirmed } }
  return { up: { disk, booted: boot.image, confirmed, fallback } }
}

/** What is known of the kernel that runs. */
interface Seen {
  booted?: string
  /** What GRUB called it; at a boot its id and this are all that is told of it. */
  as?: 'current' | 'old'
  loader?: LoaderTrial | undefined
  fallback?: Fallback | undefined
}

/** Decides and does it, a power cut being possible at every act. */
export function carryOut(
  disk: LiveDisk,
  occasion: Occasion,
  seen: Seen,
  confirmed: string,
  told: Told,
): { decision: Decision; confirmed: string } {
  const observed = observe(disk, occasion, seen)
  const decision = (told.decide ?? decide)(observed)
  // A confirmation, or a revert, counts from the moment that it is remembered.
  const next =
    occasion === 'confirm' ? observed.files.current : (observed.files.old ?? observed.files.current)
  const asked = ['confirmed', 'reverted'].includes(decision.outcome)
  let now = confirmed
  for (const action of decision.actions) {
    for (const act of actsOf(action, NAMES)) {
      for (const cut of disk.do(act)) {
        if (asked && next !== undefined && chooseRecord(cut.record)?.confirmed === next) now = next
        told.cut({ disk: cut, confirmed: now })
      }
    }
  }
  const current = disk.names[NAMES.current] ?? ''
  if (decision.outcome === 'went back' && current !== confirmed) {
    told.broken(`went back to ${current}, but ${confirmed} was confirmed last`)
  }
  if (['confirmed', 'reverted', 'healed'].includes(decision.outcome)) now = current
  return { decision, confirmed: now }
}

function observe(disk: LiveDisk, occasion: Occasion, seen: Seen): Observed {
  const { names } = disk
  const files = Object.fromEntries(
    IMAGE_ROLES.flatMap((role) => (names[NAMES[role]] === undefined ? [] : [[role, names[NAMES[role]]]])),
  )
  const record = chooseRecord(disk.record)
  // The initramfs knows what GRUB told it; the running system reads the copies.
  const loader = occasion === 'boot' ? seen.loader : chooseTrialEnv(disk.loader)?.trial
  const ids = Object.fromEntries(Object.values(files).map((key) => [key, idOf(key ?? '')]))
  const named = seen.booted === undefined ? undefined : hasName(names, seen.booted) ? seen.booted : 'gone'
  const said = seen.as === undefined || seen.booted === undefined ? undefined : idOf(seen.booted)
  const booted =
    said === undefined ? named : bootedBy({ booted: seen.as ?? 'current', image: said }, files, ids)
  const running = seen.booted === undefined ? '' : imageOf(seen.booted).kernel
  const flag = names[FLAG] !== undefined
  const candidate = flag || files.new === undefined ? undefined : imageOf(files.new)
  const passing = names[NAMES.passing]
  return {
    ...{ occasion, files, flag, tries: TRIES, time: '' },
    facts: Object.fromEntries(Object.values(files).flatMap(factsOf)),
    sameKernel: Object.keys(IMAGES).filter((key) => hasName(names, key) && imageOf(key).kernel === running),
    ids,
    ...(passing !== undefined && { passing }),
    ...(record !== undefined && { record }),
    ...(loader !== undefined && { loader }),
    ...(booted !== undefined && { booted }),
    ...(seen.fallback !== undefined && { fallback: seen.fallback }),
    ...(candidate !== undefined && {
      candidate: candidate.accepted
        ? {
            accepted: true,
            image: factsOf(files.new)[0]?.[1] ?? { id: idOf(files.new ?? '') },
            kernel: candidate.kernel === running ? 'same' : 'other',
            evidence: [],
          }
        : { accepted: false, reason: 'refused' },
    }),
  } as Observed
}

/** Of those alone whose content matters here: what is known of the others would only make the same states many. */
function factsOf(key = ''): [string, ImageFacts][] {
  const { sum } = imageOf(key)
  return sum === undefined ? [] : [[key, { id: idOf(key), sha256: sum }]]
}

function hasName(names: Names, key: string): boolean {
  return Object.values(names).includes(key)
}
