import { type Act, SIDECARS } from '../../../src/root/acts.ts'
import { nextTrialEnv, type TrialEnv } from '../../../src/root/loader/trial-env.ts'
import { imageNames } from '../../../src/root/names.ts'
import type { StateRecord } from '../../../src/root/record.ts'
import { chooseRecord } from '../../../src/root/record-file.ts'

export const NAMES = imageNames()

/** Path -> image, or `flag`. The same object for the same names. */
export type Names = Readonly<Record<string, string>>

const known = new Map<string, Names>()

/** The one object that stands for these names: they are compared millions of times. */
export function sameNames(names: Names): Names {
  const key = Object.keys(names)
    .sort()
    .map((path) => `${path}=${names[path]}`)
    .join(' ')
  const found = known.get(key) ?? Object.freeze({ ...names })
  known.set(key, found)
  return found
}
type Pair<T> = readonly [T | undefined, T | undefined]

/** What lies on the disks while the power is off. */
export interface Disk {
  /** As the kernel will find it, once it has replayed the journal. */
  names: Names
  /** As GRUB finds it, which does not. */
  grub: Names
  record: Pair<StateRecord>
  loader: Pair<TrialEnv>
}

type NameAct = Extract<Act, { act: 'link' | 'rename' | 'unlink' | 'create' }>

const changes = new WeakMap<Names, Map<string, Names>>()

function change(names: Names, act: NameAct): Names {
  const from = changes.get(names) ?? new Map<string, Names>()
  changes.set(names, from)
  const key = 'path' in act ? `${act.act} ${act.path}` : `${act.act} ${act.from} ${act.to}`
  const next = from.get(key) ?? sameNames(changed(names, act))
  from.set(key, next)
  return next
}

function changed(names: Names, act: NameAct): Names {
  const next: Record<string, string> = { ...names }
  switch (act.act) {
    case 'link': {
      const key = next[act.from]
      // A link that could not be made, as what it was to be made of has not come to be.
      if (key !== undefined && next[act.to] === undefined) next[act.to] = key
      return next
    }
    case 'rename': {
      const key = next[act.from]
      if (key === undefined) return next
      delete next[act.from]
      next[act.to] = key
      return next
    }
    case 'unlink':
      delete next[act.path]
      return next
    case 'create':
      next[act.path] ??= 'flag'
      return next
  }
}

/** A disk that is written to: what is on it for sure, and what may be lost if the power goes now. */
export class LiveDisk {
  names: Names
  record: Pair<StateRecord>
  loader: Pair<TrialEnv>
  /** As of the last sync, and what was done since. */
  #synced: Names
  #unsynced: NameAct[] = []
  /** As of the last settle, and what was done since. */
  #settled: Names
  #unsettled: NameAct[] = []

  /** @param mounted the kernel has mounted it, and so replayed the journal */
  constructor(disk: Disk, mounted: boolean) {
    this.names = disk.names
    this.record = disk.record
    this.loader = disk.loader
    this.#synced = disk.names
    this.#settled = mounted ? disk.names : disk.grub
  }

  /** Every disk that a power cut in the middle of this act may leave; then the act is done. */
  do(act: Act): Disk[] {
    if (ofSidecar(act)) return []
    const cuts: Disk[] = []
    switch (act.act) {
      case 'link':
      case 'rename':
      case 'unlink':
      case 'create':
        this.names = change(this.names, act)
        this.#unsynced.push(act)
        this.#unsettled.push(act)
        break
      case 'text':
        return []
      case 'sync':
        this.#synced = this.names
        this.#unsynced = []
        // Among the cuts of what was synced already.
        return []
      case 'settle':
        cuts.push(...this.off())
        this.#synced = this.names
        this.#settled = this.names
        this.#unsynced = []
        this.#unsettled = []
        break
      case 'record': {
        const at = chooseRecord(this.record) === this.record[0] && this.record[0] !== undefined ? 1 : 0
        const before = this.record
        this.record = at === 0 ? [undefined, before[1]] : [before[0], undefined]
        cuts.push(...this.off())
        this.record = at === 0 ? [act.record, before[1]] : [before[0], act.record]
        break
      }
      case 'loader': {
        const { loader } = this
        const env = nextTrialEnv(loader, act.trial)
        // As trial-store.ts does: the only copy that counts is not the first to be touched.
        const order =
          loader[0] !== undefined && loader[1] === undefined ? ([1, 0] as const) : ([0, 1] as const)
        for (const copy of order) cuts.push(...this.save(copy, env))
        return cuts
      }
    }
    return [...cuts, ...this.off()]
  }

  /**
   * GRUB writes one copy. All of its text lies in one sector, which is written whole or not at all; a disk that breaks
   * this rule has damaged one copy, as long as the other is whole.
   */
  save(copy: 0 | 1, env: TrialEnv): Disk[] {
    const other = this.loader[1 - copy]
    const put = (value: TrialEnv | undefined) => {
      this.loader = copy === 0 ? [value, other] : [other, value]
      return this.off()
    }
    return [...(other === undefined ? [] : put(undefined)), ...put(env)]
  }

  /** Every disk that a power cut now may leave: any part of what was not synced is lost, and GRUB sees any part of what was not settled. */
  off(): Disk[] {
    const disks: Disk[] = []
    const pairs = new Map<Names, Set<Names>>()
    for (const kept of subsets(this.#unsynced)) {
      const names = kept.reduce(change, this.#synced)
      const lost = this.#unsynced.filter((act) => !kept.includes(act))
      // What GRUB sees was written, so the journal has it too.
      for (const seen of subsets(this.#unsettled.filter((act) => !lost.includes(act)))) {
        const grub = seen.reduce(change, this.#settled)
        const before = pairs.get(names) ?? new Set()
        if (before.has(grub)) continue
        pairs.set(names, before.add(grub))
        disks.push({ names, grub, record: this.record, loader: this.loader })
      }
    }
    return disks
  }

  /** Unmounted cleanly: every reader finds the same. */
  unmounted(): Disk {
    return { names: this.names, grub: this.names, record: this.record, loader: this.loader }
  }
}

/** Manifests are no part of this model: each of them would only double the disks that are all the same in it. */
function ofSidecar(act: Act): boolean {
  const path = act.act === 'rename' ? act.from : act.act === 'unlink' ? act.path : ''
  return SIDECARS.some((ending) => path.endsWith(ending))
}

function subsets<T>(items: readonly T[]): T[][] {
  const all: T[][] = [[]]
  for (const item of items) for (const some of all.slice()) all.push([...some, item])
  return all
}
