import { dropRequest, goBack, inBoots, revert, takeCandidate } from './changes.ts'
import { Draft } from './draft.ts'
import { goOn } from './go-on.ts'
import type { Decision, Observed, Outcome } from './schema.ts'
import { fallbackImage, type Standing, standingOf } from './standing.ts'
import { refuseTwin } from './twin.ts'

/**
 * What is to be done about the root images, and in which order: a function of what was found, and of nothing else. After
 * each act a power cut leaves a state from which this same function goes on.
 */
export function decide(found: Observed): Decision {
  return decideAsJudged(refuseTwin(found, standingOf(withCount(found))))
}

/** The same, of a candidate that is as its verdict says. Not to be called but to see what the refusals are for. */
export function decideAsJudged(found: Observed): Decision {
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
      return chosen(draft) ?? goOn(draft, change(draft, standing))
    case 'stage':
      return draft.end(takeCandidate(draft, standing) ?? 'unchanged')
    case 'revert':
      return draft.end(revert(draft, standing))
    case 'confirm':
      return draft.end(confirm(draft, standing))
    case 'unhealthy':
      return draft.end(unhealthy(draft, standing))
  }
}

/**
 * GRUB that goes back as a trial is used up tells no count: it has none left for the current image. Only of a boot: what
 * is current in the running system may have been staged since.
 */
function withCount(observed: Observed): Observed {
  const { current } = observed.files
  if (
    observed.occasion !== 'boot' ||
    observed.fallback !== 'tries' ||
    observed.loader !== undefined ||
    current === undefined
  )
    return observed
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
          ? 'it cannot be started'
          : `not confirmed in ${inBoots(standing.limit)}`,
      )
      return 'went back'
    }
    draft.say('error', 'the trial of the current image has failed, and there is no old image to go back to')
  }
  return takeCandidate(draft, standing)
}

/** Nothing else can boot: a candidate that is proved becomes the current image, on trial like any other. */
function adopt(draft: Draft, standing: Standing): Outcome | undefined {
  const outcome = takeCandidate(draft, standing)
  if (outcome === 'updated')
    draft.say('warning', 'there was no current image and no old one: there is nothing to go back to')
  return outcome
}

function confirm(draft: Draft, standing: Standing): Outcome {
  const { booted } = draft.observed
  const { current } = draft.files
  if (current === undefined || booted !== current) {
    draft.say('error', 'the current image is not the one that runs: nothing can be said of it')
    return 'unchanged'
  }
  const proved = standing.is === 'on trial'
  const facts = draft.facts(current)
  draft.remember({
    ...{ confirmed: current, trial: undefined, bounces: 0 },
    ...(proved && facts !== undefined
      ? { images: { [current]: { ...facts, confirmedAt: draft.observed.time } } }
      : {}),
  })
  draft.count(undefined)
  if (!proved) return 'unchanged'
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
