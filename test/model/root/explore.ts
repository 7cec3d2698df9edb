import type { StateRecord } from '../../../src/root/record.ts'
import { chooseRecord } from '../../../src/root/record-file.ts'
import type { Fallback } from '../../../src/root/schema.ts'
import { type Disk, LiveDisk, NAMES, sameNames } from './disk.ts'
import { imageOf } from './images.ts'
import { carryOut, type Off, start, type Told } from './machine.ts'

/** What people may still do. */
interface Left {
  drops: number
  /** A flag, or a revert by command. */
  requests: number
}

export interface Found {
  /** Distinct states of a host that is off, and of one that runs. */
  off: number
  running: number
  /** Power cuts tried. */
  cuts: number
  /** What must not be, with the way to it; at most ten. */
  broken: string[]
}

/** A world that is worse than the real one. */
export interface Other {
  /** What becomes of the disk of a host that nobody touches any more. */
  fault?: (disk: Disk) => Disk
  decide?: Told['decide']
  netboot?: string
}

interface Node {
  on: boolean
  host: Off
  booted?: string
  fallback?: Fallback | undefined
  left: Left
  /** How it was come to, for a person. */
  way: string
  from: Node | undefined
}

const SILENT = { cut: () => {}, broken: () => {} }
/** Starts until a host that nobody touches and whose power stays has to be at rest. */
const STARTS = 16

/**
 * Visits every state that a host can come to: every image that is dropped in or staged, every request, a power cut at
 * every act, also of those that mend what an earlier cut has left.
 */
export function explore(
  first: Off,
  drops: readonly string[],
  left: Left,
  { fault, decide, netboot }: Other = {},
): Found {
  const found: Found = { off: 0, running: 0, cuts: 0, broken: [] }
  const seen = new Set<string>()
  /** What is left to people to do does not matter for a host that nobody touches. */
  const rested = new Set<string>()
  const queue: Node[] = []
  const complain = (node: Node, what: string) => {
    if (found.broken.length < 10) found.broken.push(`${what}\n${history(node)}`)
  }
  const add = (node: Node) => {
    const key = keyOf(node)
    if (seen.has(key)) return
    seen.add(key)
    queue.push(node)
  }
  add({ on: false, host: first, left, way: 'installed', from: undefined })
  for (let at = 0; at < queue.length && found.broken.length < 10; at += 1) {
    const node = queue[at] as Node
    // A way that has been followed needs no more memory than its history.
    const next = (on: boolean, host: Off, way: string, more: Partial<Node> = {}) =>
      add({ on, host, left: node.left, way, from: node, ...more })
    const told = (way: string, now: Partial<Node> = {}) => ({
      cut: (host: Off) => {
        found.cuts += 1
        next(false, host, `power cut: ${way}`, now)
      },
      broken: (what: string) => complain(node, `${way}: ${what}`),
      ...(decide === undefined ? {} : { decide }),
      ...(netboot === undefined ? {} : { netboot }),
    })
    if (!node.on) {
      found.off += 1
      const { confirmed, disk } = node.host
      if (!Object.values(disk.names).includes(confirmed))
        complain(node, `${confirmed}, the last confirmed image, is lost`)
      // One that begins with none has to come to one all the same: see below.
      if (netboot === undefined && disk.names[NAMES.current] === undefined)
        complain(node, 'there is no current image')
      if (netboot === undefined && disk.grub[NAMES.current] === undefined)
        complain(node, 'GRUB finds no current image')
      const host = fault === undefined ? node.host : { ...node.host, disk: fault(disk) }
      const key = `${host.confirmed}|${diskKey(host.disk)}`
      if (!rested.has(key)) {
        rested.add(key)
        const rest = restless(host, decide, netboot)
        // What was forgotten cannot be held to; that it boots can.
        if (rest !== undefined && !(fault !== undefined && rest.startsWith('went back'))) complain(node, rest)
      }
      const way = 'start'
      const started = start(node.host, true, told(way))
      if ('off' in started) next(false, started.off, `${way}: did not come up`)
      else {
        const { disk, confirmed: now, booted, fallback } = started.up
        next(true, { disk: disk.unmounted(), confirmed: now }, way, { booted, fallback })
      }
      continue
    }
    found.running += 1
    const { host, booted = '', fallback } = node
    const run = (
      occasion: 'confirm' | 'unhealthy' | 'stage' | 'revert',
      way: string,
      names = host.disk.names,
      now: Partial<Node> = {},
    ) => {
      const disk = new LiveDisk({ ...host.disk, names, grub: names }, true)
      const { confirmed, decision } = carryOut(
        disk,
        occasion,
        { booted, fallback },
        host.confirmed,
        told(way, now),
      )
      return { host: { disk: disk.unmounted(), confirmed }, decision }
    }
    next(false, host, 'reboot or power cut')
    const { behaviour } = imageOf(booted)
    if (behaviour === 'good') next(true, run('confirm', 'confirm').host, 'confirm', { booted, fallback })
    if (behaviour === 'sick') {
      const { host: after, decision } = run('unhealthy', 'unhealthy')
      // Unless another image was staged meanwhile, which the reboot leads into.
      const stays = decision.outcome !== 'went back' && host.disk.names[NAMES.current] === booted
      if (stays) complain(node, `an image that is not healthy stays: ${decision.outcome}`)
      next(false, after, 'went back and rebooted')
    }
    if (node.left.drops > 0) {
      const now = { left: { ...node.left, drops: node.left.drops - 1 }, booted, fallback }
      for (const image of drops) {
        if (Object.values(host.disk.names).includes(image)) continue
        const names = sameNames({ ...host.disk.names, [NAMES.new]: image })
        next(true, { ...host, disk: { ...host.disk, names, grub: names } }, `${image} dropped in`, now)
        next(true, run('stage', `stage ${image}`, names, now).host, `${image} staged`, now)
      }
    }
    if (node.left.requests > 0) {
      const now = { left: { ...node.left, requests: node.left.requests - 1 }, booted, fallback }
      const names = sameNames({ ...host.disk.names, [NAMES.flag]: 'flag' })
      next(true, { ...host, disk: { ...host.disk, names, grub: names } }, 'flag set', now)
      next(true, run('revert', 'revert by command', host.disk.names, now).host, 'revert by command', now)
    }
  }
  return found
}

/** Why a host that nobody touches does not come to rest with a confirmed image; undefined when it does. */
export function restless(first: Off, decideBy?: Told['decide'], netboot?: string): string | undefined {
  const silent = {
    ...SILENT,
    ...(decideBy === undefined ? {} : { decide: decideBy }),
    ...(netboot === undefined ? {} : { netboot }),
  }
  let host = first
  for (let i = 0; i < STARTS; i += 1) {
    let broken: string | undefined
    const started = start(host, false, { ...silent, broken: (what) => (broken ??= what) })
    if (broken !== undefined) return broken
    if ('off' in started) {
      host = started.off
      continue
    }
    const { booted, disk, confirmed, fallback } = started.up
    const before = disk.unmounted()
    const occasion = imageOf(booted).behaviour === 'good' ? 'confirm' : 'unhealthy'
    const after = carryOut(disk, occasion, { booted, fallback }, confirmed, silent)
    host = { disk: disk.unmounted(), confirmed: after.confirmed }
    if (occasion !== 'confirm') continue
    if (diskKey(before) !== diskKey(host.disk)) continue
    const record = chooseRecord(host.disk.record)
    if (record?.confirmed === booted && record.trial === undefined) return undefined
    // Started by a kexec, or with its own kernel running already, it was confirmed before GRUB ever had to load it.
    const current = host.disk.names[NAMES.current] ?? ''
    if (!imageOf(current).loads && host.disk.names[NAMES.old] === booted) return undefined
  }
  return `not at rest after ${STARTS} starts: a loop, with ${JSON.stringify(host.disk)}`
}

function keyOf({ on, host, booted, fallback, left }: Node): string {
  return `${on ? `${booted} ${fallback}` : ''}|${host.confirmed}|${left.drops}${left.requests}|${diskKey(host.disk)}`
}

/** Sequence numbers count only as higher and lower. */
function diskKey({ names, grub, record, loader }: Disk): string {
  const newest = chooseRecord(record)
  const slots = record.map((copy) =>
    copy === undefined ? '-' : `${copy === newest ? '*' : ''}${recordKey(copy)}`,
  )
  const [a, b] = loader
  const order = a === undefined || b === undefined ? '' : Math.sign(a.seq - b.seq)
  const env = loader.map((copy) => (copy === undefined ? '-' : `${copy.trial?.image} ${copy.trial?.tries}`))
  return [number(names), number(grub), ...slots, order, ...env].join('|')
}

const numbers = new WeakMap<object, number>()
let last = 0

function number(names: object): number {
  const found = numbers.get(names) ?? ++last
  numbers.set(names, found)
  return found
}

const records = new WeakMap<StateRecord, string>()

function recordKey(record: StateRecord): string {
  const found = records.get(record) ?? JSON.stringify({ ...record, seq: 0 })
  records.set(record, found)
  return found
}

function history(node: Node): string {
  const lines: string[] = []
  for (let at: Node | undefined = node; at !== undefined; at = at.from) {
    lines.unshift(`  ${at.way}: ${JSON.stringify(at.host.disk.names)}`)
  }
  return lines.join('\n')
}
