import { goBack } from './changes.ts'
import type { Draft } from './draft.ts'
import { isImageId } from './loader/trial-env.ts'
import { IMAGE_ROLES } from './names.ts'
import type { FileKey } from './record.ts'
import type { Decision, Outcome } from './schema.ts'
import { haveOneId } from './twin.ts'

/** Restarts in a row to get into the current image's own kernel; after that many they will not lead there. */
export const BOUNCE_LIMIT = 3

/** Which file is to be the root, and how to get there. */
export function goOn(draft: Draft, outcome: Outcome | undefined): Decision {
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
    const why = stuck ? `${BOUNCE_LIMIT} restarts did not lead into it` : 'it cannot be started'
    if (draft.record.trial?.image === current && draft.files.old !== undefined) {
      goBack(draft, why)
      return goOn(draft, 'went back')
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
  if (haveOneId({ files: draft.files, ids: draft.observed.ids })) {
    draft.say(
      'warning',
      'the current and the old image have the same id, so GRUB counts no boots: give them ids of their own (speediso root seal)',
    )
    draft.count(undefined)
    return
  }
  // GRUB did not count this boot when a kexec led here, and counts none when its copies were lost.
  if (isImageId(image) && (counted?.image !== image || counted.tries > left))
    draft.count({ image, tries: left })
  draft.say('info', `on trial: boot ${boots} of ${trial.limit}`)
}
