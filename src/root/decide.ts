import { Draft } from './draft.ts'
import { isImageId } from './loader/trial-env.ts'
import { IMAGE_ROLES } from './names.ts'
import type { FileKey } from './record.ts'
import type { Decision, Observed, Outcome } from './schema.ts'
import { fallbackImage, type Standing, standingOf } from './standing.ts'

/** Restarts in a row to get into the current image's own kernel; after that many they will not lead there. */
export const BOUNCE_LIMIT = 3

/**
 * What is to be done about the root images, and in which order: a function of what was found, and of nothing else. After
 * each act a power cut leaves a state from which this same function goes on.
 */
export function decide(found: Observed): Decision {
  const observed = withCount(found)
  const draft = new Draft(observed)
  const standing = standingOf(observed)
  if (observed.currentIsLink === true) {
    draft.say(
      'error',
      'the current image is a symbolic link, so nothing is changed: put the file itself there',
    )
    return draft.end('unchanged')
  }
  // Never the only name of an image: one that nothing else has stays.
  if (observed.passing !== undefined && Object.values(observed.files).includes(observed.passing)) {
    draft.remove('passing')
  }
  switch (observed.occasion) {
    case 'boot':
      return chosen(draft) ?? boot(draft, change(draft, standing))
    case 'stage':
      return draft.end(candidate(draft, standing) ?? 'unchanged')
    case 'revert':
      return draft.end(revert(draft, standing))
    case 'confirm':
      return draft.end(confirm(draft, standing))
    case 'unhealthy':
      return draft.end(unhealthy(draft, standing))
  }
}

/** GRUB that goes back as a trial is used up tells no count: it has none left for the current image. */
function withCount(observed: Observed): Observed {
  const { current } = observed.files
  if (observed.fallback !== 'tries' || observed.loader !== undefined || current === undefined) return observed
  return { ...observed, loader: { image: observed.ids[current] ?? '', tries: 0 } }
}

/** A person's choice for one boot: nothing changes, and nothing is counted. */
function chosen(draft: Draft): Decision | undefined {
  const { booted, files, chosen: asked } = draft.observed
  if (asked !== true || booted === undefined || booted !== files.old || booted === files.current)
    return undefined
  draft.say('warning', 'the old image was chosen in the boot menu, for this boot only')
  return draft.end('chosen', { image: booted, role: 'old', how: 'mount' })
}

/** What a boot changes before it goes on, by what stands on hostpart. Undefined: nothing. */
function change(draft: Draft, standing: Standing): Outcome | undefined {
  const { flag, files } = draft.observed
  if (standing.is === 'missing') {
    if (files.old === undefined) {
      // With a flag nothing was judged, and nothing is taken that somebody may not want.
      return files.new === undefined || flag ? undefined : adopt(draft, standing)
    }
    draft.say('warning', 'the current image was missing: the old one is the current one again')
    draft.move('old', 'current')
    draft.settle()
    draft.remember({ confirmed: files.old, trial: undefined })
    draft.count(undefined)
    if (flag) dropRequest(draft)
    return 'healed'
  }
  if (flag) return revert(draft, standing)
  if (standing.is === 'spent') {
    if (fallbackImage(draft.observed) !== undefined) {
      goBack(
        draft,
        draft.observed.fallback === 'unreadable'
          ? 'GRUB cannot load it'
          : `not confirmed in ${inBoots(standing.limit)}`,
      )
      return 'went back'
    }
    draft.say('error', 'the trial of the current image has failed, and there is no old image to go back to')
  }
  return candidate(draft, standing)
}

/** Nothing else can boot: a candidate that is proved becomes the current image, on trial like any other. */
function adopt(draft: Draft, standing: Standing): Outcome | undefined {
  const outcome = candidate(draft, standing)
  if (outcome === 'updated')
    draft.say('warning', 'there was no current image and no old one: there is nothing to go back to')
  return outcome
}

/** Takes the candidate, or sets it aside. Undefined: there is none that was judged. */
function candidate(draft: Draft, standing: Standing): Outcome | undefined {
  const { candidate: verdict, tries, occasion, booted, fallback } = draft.observed
  const { new: key, old } = draft.files
  // One that runs as the current one cannot be loaded is worth more than that one.
  const worse = standing.is === 'on trial' || (fallback === 'unreadable' && booted === old)
  const unproven = worse && fallbackImage(draft.observed) !== undefined
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
  if (unproven) goBack(draft, undefined)
  else settleStanding(draft, standing.is === 'spent' ? { is: 'adopted' } : standing)
  const { id } = verdict.image
  draft.remember({
    images: draft.imagesWith(key, verdict.image),
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
function settleStanding(draft: Draft, standing: Standing): void {
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
function goBack(draft: Draft, reason: string | undefined): void {
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
    if (counted !== undefined && counted.image === draft.observed.ids[current])
      draft.count({ image: counted.image, tries: 0 })
    draft.say('warning', `back to the last confirmed image: ${reason}`)
  }
  draft.keep('broken')
  draft.move('old', 'current')
  draft.settle()
  draft.remember({ confirmed: old, trial: undefined })
  draft.count(undefined)
}

/** The request of a person: by the flag, or by the command, which sets the flag first. */
function revert(draft: Draft, standing: Standing): Outcome {
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
  draft.keep('broken')
  draft.move('old', 'current')
  draft.settle()
  draft.remember({ confirmed: old, trial: undefined, bounces: 0 })
  draft.count(undefined)
  draft.remove('flag')
  draft.say('info', `reverted to the old image${occasion === 'boot' ? '' : '; it runs after a reboot'}`)
  return 'reverted'
}

function dropRequest(draft: Draft): void {
  holdCandidate(draft)
  draft.remove('flag')
}

function holdCandidate(draft: Draft): void {
  if (draft.files.new === undefined) return
  draft.say('warning', 'a candidate was there too: it waits for an explicit stage')
  draft.move('new', 'held')
}

function confirm(draft: Draft, standing: Standing): Outcome {
  const { booted } = draft.observed
  const { current } = draft.files
  if (current === undefined || booted !== current) {
    draft.say('error', 'the current image is not the one that runs: nothing can be said of it')
    return 'unchanged'
  }
  draft.remember({ confirmed: current, trial: undefined, bounces: 0 })
  draft.count(undefined)
  if (standing.is !== 'on trial') return 'unchanged'
  draft.say('info', 'confirmed: this image is the one to go back to from now on')
  return 'confirmed'
}

function unhealthy(draft: Draft, standing: Standing): Outcome {
  const { why = 'its health checks did not pass', booted, files } = draft.observed
  if (standing.is !== 'on trial' || booted !== files.current) {
    draft.say('error', `${why}; the running image is not on trial, so it stays`)
    return 'unchanged'
  }
  if (fallbackImage(draft.observed) === undefined) {
    draft.say('error', `${why}; there is no old image to go back to`)
    return 'unchanged'
  }
  goBack(draft, why)
  return 'went back'
}

/** Which file is to be the root, and how to get there. */
function boot(draft: Draft, outcome: Outcome | undefined): Decision {
  const { booted, fallback, sameKernel, candidate: verdict, files } = draft.observed
  const { current } = draft.files
  if (current === undefined) {
    const waits = draft.observed.flag && files.new !== undefined
    draft.say(
      'error',
      `there is no root image and no old one${waits ? '; without the request to revert the candidate would be judged' : ''}`,
    )
    return draft.end('nothing to boot')
  }
  const fits = verdict?.accepted === true && verdict.kernel === 'same' && current === files.new
  // Where it is not told what was booted, it cannot have been what was a candidate until now.
  const untold = booted === undefined && current !== files.new
  if (untold || booted === current || fits || sameKernel.includes(current)) {
    begin(draft, current)
    const trial = draft.record.trial?.image === current
    return draft.end(outcome ?? (trial ? 'on trial' : 'unchanged'), {
      image: current,
      role: 'current',
      how: 'mount',
    })
  }
  const stuck = draft.record.bounces >= BOUNCE_LIMIT
  const role = booted === undefined ? undefined : IMAGE_ROLES.find((each) => draft.files[each] === booted)
  // What GRUB could not load is what was current when it looked, and no candidate that was taken since.
  const unloadable = fallback === 'unreadable' && current === files.current
  if (role === undefined && stuck) {
    draft.say(
      'warning',
      `${BOUNCE_LIMIT} restarts did not lead into it: the kernel that runs may well be its own`,
    )
    begin(draft, current)
    return draft.end(outcome ?? 'unchanged', { image: current, role: 'current', how: 'mount' })
  }
  if (booted !== undefined && role !== undefined && (stuck || unloadable)) {
    const why = stuck ? `${BOUNCE_LIMIT} restarts did not lead into it` : 'GRUB cannot load it'
    if (draft.record.trial?.image === current && draft.files.old !== undefined) {
      goBack(draft, why)
      return boot(draft, 'went back')
    }
    draft.say('error', `the current image was not booted: ${why}; this is the ${role} one`)
    return draft.end('fallback', { image: booted, role, how: 'mount' })
  }
  if (draft.record.trial?.image !== current) draft.count(undefined)
  draft.remember({ bounces: draft.record.bounces + 1 })
  return draft.end(outcome ?? 'unchanged', { image: current, role: 'current', how: 'restart' })
}

/** Counts this boot, when the image that it goes into is on trial. */
function begin(draft: Draft, current: FileKey): void {
  const { trial } = draft.record
  if (trial?.image !== current) {
    draft.remember({ bounces: 0 })
    draft.count(undefined)
    return
  }
  const boots = trial.boots + 1
  draft.remember({ trial: { ...trial, boots }, bounces: 0 })
  const image = draft.facts(current)?.id ?? draft.observed.ids[current] ?? ''
  const left = Math.max(0, trial.limit - boots)
  const { counted } = draft
  // GRUB did not count this boot when a kexec led here, and counts none when its copies were lost.
  if (isImageId(image) && (counted?.image !== image || counted.tries > left))
    draft.count({ image, tries: left })
  draft.say('info', `on trial: boot ${boots} of ${trial.limit}`)
}

const inBoots = (count: number) => (count === 1 ? '1 boot' : `${count} boots`)
