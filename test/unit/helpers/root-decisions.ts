import { type Act, actsOf } from '../../../src/root/acts.ts'
import { IMAGE_ROLES, type ImageRole, imageNames } from '../../../src/root/names.ts'
import type { StateRecord } from '../../../src/root/record.ts'
import type { CandidateVerdict, Decision, Observed } from '../../../src/root/schema.ts'
import { FIRST_RECORD } from '../../../src/root/standing.ts'

// Images are one letter, which is the key of the file; the small letter is the id.

export const NAMES = imageNames()
export const LIMIT = 3

export const accepted = (more: Partial<Extract<CandidateVerdict, { accepted: true }>> = {}) =>
  ({ accepted: true, image: { id: 'n', sha256: 'sum-n' }, kernel: 'other', evidence: [], ...more }) as const
export const refused = { accepted: false, reason: 'it is too short' } as const

export const remembers = (more: Partial<StateRecord> = {}): StateRecord => ({
  ...FIRST_RECORD,
  seq: 5,
  ...more,
})

/** What is found, of an ordinary boot of a confirmed image without anything else. */
export function found(more: Partial<Observed> = {}): Observed {
  return {
    ...{ occasion: 'boot', files: { current: 'C' }, flag: false, booted: 'C', sameKernel: [], facts: {} },
    ...{ ids: { C: 'c', N: 'n', O: 'o', B: 'b' }, tries: LIMIT, time: '2026-11-20T10:00:00.000Z' },
    ...more,
  }
}

/** Names and what is remembered, as the acts change them. */
export interface Hostpart {
  names: Record<string, string>
  record: StateRecord | undefined
  loader: Observed['loader']
}

export function hostpartOf({ files, flag, passing, record, loader }: Observed): Hostpart {
  const names = IMAGE_ROLES.flatMap((role) => (files[role] === undefined ? [] : [[NAMES[role], files[role]]]))
  const all = [...names, ...(flag ? [[NAMES.flag, 'flag']] : [])]
  if (passing !== undefined) all.push([NAMES.passing, passing])
  return { names: Object.fromEntries(all), record, loader }
}

/** Carries out one call, strictly: what the kernel would refuse is an error. */
export function perform(at: Hostpart, act: Act): void {
  const { names } = at
  const there = (path: string) => {
    const key = names[path]
    if (key === undefined) throw new Error(`${act.act}: there is no ${path}`)
    return key
  }
  switch (act.act) {
    case 'link':
      if (names[act.to] !== undefined) throw new Error(`link: ${act.to} is there`)
      names[act.to] = there(act.from)
      return
    case 'rename': {
      // A manifest may lie beside an image or not.
      if (act.from.includes('.img.json')) return
      const key = there(act.from)
      delete names[act.from]
      names[act.to] = key
      return
    }
    case 'unlink':
      delete names[act.path]
      return
    case 'create':
      names[act.path] ??= 'flag'
      return
    case 'record':
      at.record = act.record
      return
    case 'loader':
      at.loader = act.trial
  }
}

/** Every state that a power cut between two calls leaves, the last one included. */
export function statesOf(observed: Observed, { actions }: Decision): Hostpart[] {
  const at = hostpartOf(observed)
  const states = [structuredClone(at)]
  for (const act of actions.flatMap((action) => actsOf(action, NAMES))) {
    perform(at, act)
    states.push(structuredClone(at))
  }
  return states
}

/** The state in the end. */
export function after(observed: Observed, decision: Decision): Hostpart {
  return statesOf(observed, decision).at(-1) as Hostpart
}

/** `C` for hn-root.img, `-old O`, and so on. */
export function shown({ names }: Hostpart): string {
  const roles = IMAGE_ROLES.flatMap((role: ImageRole) => {
    const key = names[NAMES[role]]
    return key === undefined ? [] : [role === 'current' ? key : `-${role} ${key}`]
  })
  return [...roles, ...(names[NAMES.flag] === undefined ? [] : ['flag'])].join(', ')
}

/** The same host at its next boot of this image. */
export function nextBoot(observed: Observed, decision: Decision, more: Partial<Observed> = {}): Observed {
  const { names, record } = after(observed, decision)
  const files = Object.fromEntries(
    IMAGE_ROLES.flatMap((role) => (names[NAMES[role]] === undefined ? [] : [[role, names[NAMES[role]]]])),
  ) as Observed['files']
  const {
    candidate: _candidate,
    loader: _loader,
    fallback: _fallback,
    chosen: _chosen,
    passing: _,
    ...rest
  } = observed
  return {
    ...rest,
    ...{ occasion: 'boot', files, flag: names[NAMES.flag] !== undefined },
    ...(record === undefined ? {} : { record }),
    ...(files.current === undefined ? {} : { booted: files.current }),
    ...(names[NAMES.passing] === undefined ? {} : { passing: names[NAMES.passing] as string }),
    ...more,
  }
}
