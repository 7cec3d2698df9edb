import type { Draft } from './draft.ts'
import { isImageId } from './loader/trial-env.ts'
import type { Outcome } from './schema.ts'
import { fallbackImage, isUseless, type Standing } from './standing.ts'
import { haveOneId } from './twin.ts'

/** The changes to hostpart that a decision is made of. */

/** Takes the candidate, or sets it aside. Undefined: there is none that was judged. */
export function takeCandidate(draft: Draft, standing: Standing): Outcome | undefined {
  const { candidate: verdict, tries, occasion } = draft.observed
  const { new: key } = draft.files
  const useless = isUseless(draft.observed)
  const unproven = useless || (standing.is === 'on trial' && fallbackImage(draft.observed) !== undefined)
  if (key === undefined || verdict === undefined) {
    settleStanding(draft, standing)
    return undefined
  }
  if (!verdict.accepted) {
    settleStanding(draft, standing)
    draft.say('warning', `the candidate is refused: ${verdict.reason}`)
    draft.reason(verdict.reason)
    draft.move('new', 'rejected')
    return 'refused'
  }
  // The last confirmed image becomes the current one first, so that GRUB counts one trial at a time, and the right one.
  if (useless && standing.is !== 'on trial')
    draft.say('warning', 'the current image cannot be started: it is kept as the broken one')
  if (unproven) goBack(draft, undefined)
  else settleStanding(draft, standing.is === 'spent' ? { is: 'adopted' } : standing)
  const { id } = verdict.image
  draft.remember({
    images: { [key]: verdict.image },
    trial: { image: key, boots: 0, limit: tries },
    bounces: 0,
  })
  if (isImageId(id)) draft.count({ image: id, tries })
  else
    draft.say('warning', 'the candidate has no id that GRUB can compare: only the initramfs counts its boots')
  draft.keep('old')
  // GRUB must not find the new image before it finds what it goes back to.
  draft.settle()
  draft.move('new', 'current')
  draft.settle()
  const version = verdict.image.version === undefined ? '' : ` to ${verdict.image.version}`
  draft.say(
    'info',
    `updated${version}; it has ${inBoots(tries)} to be confirmed${occasion === 'stage' ? ', the next is the first' : ''}`,
  )
  return 'updated'
}

/** Remembers how it stands with the current image, where the record does not say so. */
export function settleStanding(draft: Draft, standing: Standing): void {
  const { current } = draft.files
  if (current === undefined) return
  if (standing.is === 'on trial') {
    const { boots, limit } = standing
    draft.remember({ trial: { image: current, boots, limit } })
  } else {
    // Of two images that nobody remembers, the one that runs is the one to keep.
    draft.remember({ confirmed: current, trial: undefined })
    draft.count(undefined)
  }
}

/** The old image becomes the current one again; with a reason, what it takes the place of is never accepted again. */
export function goBack(draft: Draft, reason: string | undefined): void {
  const { current, old } = draft.files
  if (current === undefined || old === undefined) return
  if (reason !== undefined) {
    const limit = draft.record.trial?.limit ?? draft.observed.tries
    draft.remember({
      denied: draft.deniedWith(current, reason),
      trial: { image: current, boots: limit, limit },
    })
    const { counted } = draft
    // Should the power go now, GRUB goes back too.
    if (counted !== undefined && counted.image === draft.observed.ids[current] && !haveOneId(pairOf(draft)))
      draft.count({ image: counted.image, tries: 0 })
    const proved = draft.facts(old)?.confirmedAt !== undefined
    draft.say(
      'warning',
      proved
        ? `back to the last confirmed image: ${reason}`
        : `back to the image of before, which never had to prove itself: ${reason}`,
    )
  }
  bringBack(draft)
  draft.remember({ confirmed: old, trial: undefined })
  draft.count(undefined)
}

function bringBack(draft: Draft): void {
  // GRUB would take the old image for the one that failed, and has no other one then.
  if (haveOneId(pairOf(draft))) draft.count(undefined)
  draft.keep('broken')
  draft.move('old', 'current')
  draft.settle()
}

const pairOf = ({ files, observed }: Draft) => ({ files, ids: observed.ids })

/** The request of a person: by the flag, or by the command, which sets the flag first. */
export function revert(draft: Draft, standing: Standing): Outcome {
  const { occasion, flag } = draft.observed
  const old = fallbackImage(draft.observed)
  if (old === undefined) {
    const { broken, current } = draft.files
    const done = flag && broken !== undefined && broken === draft.record.confirmed && broken !== current
    settleStanding(draft, standing.is === 'spent' ? { is: 'adopted' } : standing)
    if (flag) dropRequest(draft)
    if (done) draft.say('info', 'the revert that was interrupted is complete')
    else draft.say('warning', 'a revert was asked for, but there is no old image')
    return done ? 'reverted' : 'nothing to revert to'
  }
  if (!flag) draft.ask()
  holdCandidate(draft)
  const { current } = draft.files
  if (standing.is === 'spent' && current !== undefined) {
    draft.remember({ denied: draft.deniedWith(current, `not confirmed in ${inBoots(standing.limit)}`) })
  }
  bringBack(draft)
  draft.remember({ confirmed: old, trial: undefined, bounces: 0 })
  draft.count(undefined)
  draft.remove('flag')
  draft.say('info', `reverted to the old image${occasion === 'boot' ? '' : '; it runs after a reboot'}`)
  return 'reverted'
}

export function dropRequest(draft: Draft): void {
  holdCandidate(draft)
  draft.remove('flag')
}

function holdCandidate(draft: Draft): void {
  if (draft.files.new === undefined) return
  draft.say('warning', 'a candidate was there too: it waits for an explicit stage')
  draft.move('new', 'held')
}

export const inBoots = (count: number) => (count === 1 ? '1 boot' : `${count} boots`)
