import type { ImageRole } from './names.ts'
import type { StateRecord } from './record.ts'
import type { CandidateVerdict, Observed } from './schema.ts'
import { FIRST_RECORD } from './standing.ts'

// The images: C is current, N is new, O is old; each is its own key, and its id in small letters.

export type Part = Partial<Observed>

/** How it stands with the current image, and what GRUB did about it. */
export interface Situation {
  current: string
  old: boolean
  booted: string
  observed: Part
}

const LIMIT = 3
const record = (more: Partial<StateRecord>): StateRecord => ({ ...FIRST_RECORD, seq: 7, ...more })
/** `boots` have begun before this one; GRUB's count already goes without this one. */
const onTrial = (boots: number, confirmed?: string): Part => ({
  record: record({
    trial: { image: 'C', boots, limit: LIMIT },
    ...(confirmed === undefined ? {} : { confirmed }),
  }),
  loader: { image: 'c', tries: Math.max(0, LIMIT - boots - 1) },
})
const CONFIRMED: Part = { record: record({ confirmed: 'C' }) }
const BY_CURRENT: Part = { booted: 'C' }
const UNREADABLE: Part = { booted: 'O', fallback: 'unreadable' }

/** What a boot may find, but for candidate and flag. */
export const SITUATIONS: readonly Situation[] = [
  { current: 'confirmed', old: true, booted: 'C', observed: { ...CONFIRMED, ...BY_CURRENT } },
  { current: 'confirmed', old: false, booted: 'C', observed: { ...CONFIRMED, ...BY_CURRENT } },
  {
    ...{ current: 'confirmed', old: true, booted: 'O, chosen in its menu' },
    observed: { ...CONFIRMED, booted: 'O', chosen: true },
  },
  {
    ...{ current: 'confirmed', old: true, booted: 'O, as it cannot load C' },
    observed: { ...CONFIRMED, ...UNREADABLE },
  },
  { current: 'on trial', old: true, booted: 'C', observed: { ...onTrial(1, 'O'), ...BY_CURRENT } },
  { current: 'on trial', old: false, booted: 'C', observed: { ...onTrial(1), ...BY_CURRENT } },
  {
    ...{ current: 'on trial', old: true, booted: 'O, as it cannot load C' },
    observed: { record: onTrial(1, 'O').record, ...UNREADABLE } as Part,
  },
  {
    ...{ current: 'trial used up', old: true, booted: 'O' },
    observed: { record: onTrial(LIMIT, 'O').record, booted: 'O', fallback: 'tries' } as Part,
  },
  {
    ...{ current: 'trial used up', old: true, booted: 'C, as its count is lost' },
    observed: { record: onTrial(LIMIT, 'O').record, ...BY_CURRENT } as Part,
  },
  {
    ...{ current: 'trial used up', old: false, booted: 'C, as there is no rescue system' },
    observed: { ...onTrial(LIMIT), ...BY_CURRENT, fallback: 'tries' },
  },
  { current: 'not remembered', old: true, booted: 'C', observed: BY_CURRENT },
  { current: 'missing', old: true, booted: 'O', observed: { ...CONFIRMED, ...UNREADABLE } },
  { current: 'missing', old: false, booted: 'nothing of these', observed: CONFIRMED },
]

const ACCEPTED = { accepted: true, image: { id: 'n' }, kernel: 'other', evidence: [] } as const
const REFUSED: CandidateVerdict = { accepted: false, reason: 'its reason' }

/** With the flag no candidate is judged. */
export const CANDIDATES: readonly { text: string; flag: boolean; observed: Part | undefined }[] = [
  { text: 'none', flag: false, observed: undefined },
  { text: 'accepted', flag: false, observed: { candidate: ACCEPTED } },
  { text: 'refused', flag: false, observed: { candidate: REFUSED } },
  { text: 'none', flag: true, observed: undefined },
  { text: 'there', flag: true, observed: {} },
]

/** Everything that a decision rests on, with what is given in place of the defaults. */
export function found(part: Part): Observed {
  return {
    ...{ occasion: 'boot', files: {}, flag: false, sameKernel: [], facts: {}, tries: LIMIT, time: '' },
    ids: { C: 'c', N: 'n', O: 'o' },
    ...part,
  }
}

/** What a boot finds in a situation. */
export function foundAtBoot(
  { current, old, observed }: Situation,
  flag: boolean,
  candidate: Part | undefined,
): Observed {
  const files: Partial<Record<ImageRole, string>> = {
    ...(current === 'missing' ? {} : { current: 'C' }),
    ...(old ? { old: 'O' } : {}),
    ...(candidate === undefined ? {} : { new: 'N' }),
  }
  return found({ ...observed, ...candidate, occasion: 'boot', files, flag })
}

const BOTH = { current: 'C', old: 'O' }
const ALL = { ...BOTH, new: 'N' }
const TRIED = { ...onTrial(1, 'O'), ...BY_CURRENT }
const KEPT = { ...CONFIRMED, ...BY_CURRENT }

/** The candidate has the content of this image, which is proved. */
const copyOf = (key: 'C' | 'O'): Part => {
  const image = { id: key.toLowerCase(), sha256: `content of ${key}` }
  return { facts: { [key]: image }, candidate: { ...ACCEPTED, image } }
}

/** What is asked for while the system runs. */
export const REQUESTS: readonly [what: string, current: string, observed: Part][] = [
  ['stage N', 'confirmed', { ...KEPT, occasion: 'stage', files: ALL, candidate: ACCEPTED }],
  ['stage N', 'on trial', { ...TRIED, occasion: 'stage', files: ALL, candidate: ACCEPTED }],
  ['stage a copy of C', 'confirmed', { ...KEPT, ...copyOf('C'), occasion: 'stage', files: ALL }],
  ['stage a copy of C', 'on trial', { ...TRIED, ...copyOf('C'), occasion: 'stage', files: ALL }],
  ['stage a copy of O', 'confirmed', { ...KEPT, ...copyOf('O'), occasion: 'stage', files: ALL }],
  ['stage a copy of O', 'on trial', { ...TRIED, ...copyOf('O'), occasion: 'stage', files: ALL }],
  ['stage N, which is refused', 'confirmed', { ...KEPT, occasion: 'stage', files: ALL, candidate: REFUSED }],
  ['revert', 'confirmed', { ...KEPT, occasion: 'revert', files: BOTH }],
  ['revert', 'on trial', { ...TRIED, occasion: 'revert', files: BOTH }],
  ['revert, with a candidate there', 'confirmed', { ...KEPT, occasion: 'revert', files: ALL }],
  ['revert, without an old image', 'confirmed', { ...KEPT, occasion: 'revert', files: { current: 'C' } }],
  ['confirm', 'on trial', { ...TRIED, occasion: 'confirm', files: BOTH }],
  ['confirm', 'confirmed', { ...KEPT, occasion: 'confirm', files: BOTH }],
  ['confirm, while O runs', 'on trial', { ...TRIED, booted: 'O', occasion: 'confirm', files: BOTH }],
  ['health not passed in time', 'on trial', { ...TRIED, occasion: 'unhealthy', files: BOTH }],
  ['health not passed in time', 'confirmed', { ...KEPT, occasion: 'unhealthy', files: BOTH }],
  [
    'health not passed in time, without an old image',
    'on trial',
    { ...onTrial(1), ...BY_CURRENT, occasion: 'unhealthy', files: { current: 'C' } },
  ],
]
