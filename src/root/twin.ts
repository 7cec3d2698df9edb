import type { FileKey, ImageFacts } from './record.ts'
import type { Observed } from './schema.ts'
import { fallbackImage, isUseless, type Standing } from './standing.ts'

/**
 * Whether the current image and the old one have the same id, as when people have put both there. No candidate is taken
 * that would make it so. Of such a pair GRUB must count nothing; see `refuseTwin`.
 */
export function haveOneId({ files, ids }: Pick<Observed, 'files' | 'ids'>): boolean {
  const { current, old } = files
  if (current === undefined || old === undefined || current === old) return false
  return ids[current] !== undefined && ids[current] === ids[old]
}

/**
 * Refuses a candidate that this host has gone back from, told by what is remembered of the file itself: once somebody has
 * written to it, as a root that is mounted read-write is in each boot, its digest tells no more.
 *
 * And one that GRUB could not tell from an image that is here: it counts the boots of a trial by the image's id alone.
 * Two images with one id in the places that GRUB reads, and a power cut in the swap back would have it take the old
 * image for the failed one, find none to go back to, and end in the rescue system.
 */
export function refuseTwin(observed: Observed, standing: Standing): Observed {
  const { candidate } = observed
  if (candidate?.accepted !== true) return observed
  const reason = whyRefused(observed, standing, candidate.image)
  return reason === undefined
    ? observed
    : { ...observed, candidate: { accepted: false, reason, image: candidate.image } }
}

function whyRefused(observed: Observed, standing: Standing, candidate: ImageFacts): string | undefined {
  const { files, ids, record } = observed
  const known = record?.images[files.new ?? '']
  // With another id, somebody has copied another image over it.
  const denied =
    known?.id === candidate.id
      ? record?.denied.find(({ digest }) => digest !== '' && (digest === known.sha256 || digest === known.id))
      : undefined
  if (denied !== undefined)
    return `this host has gone back from this same file on ${denied.time} (${denied.reason}): put another one there`
  // By a link of the same file, which nothing could tell from it.
  const linked = (['current', 'old'] as const).find(
    (role) => files.new !== undefined && files.new === files[role],
  )
  if (linked !== undefined)
    return `it is the ${linked} image itself, under another name: put a file of its own there`
  const old = fallbackImage(observed)
  const isLike = (key: FileKey | undefined) => {
    const facts = key === undefined ? undefined : (observed.facts[key] ?? record?.images[key])
    const same = facts?.sha256 !== undefined && facts.sha256 === candidate.sha256
    return { same, sameId: key !== undefined && candidate.id !== '' && ids[key] === candidate.id }
  }
  // What cannot be loaded gives way first, and a whole copy of it is what mends this host.
  const tried = standing.is === 'on trial'
  const mends = !tried && isUseless(observed)
  const current = isLike(files.current)
  if (!mends && current.same) return 'it is the current image already'
  if (!mends && current.sameId) return otherId(candidate.id, 'current')
  const before = isLike(old)
  // Then the old image becomes the current one before a candidate does.
  if (before.same && (mends || tried)) return 'it is the old image: speediso root revert goes back to that'
  return before.sameId && !before.same ? otherId(candidate.id, 'old') : undefined
}

const otherId = (id: string, which: string) =>
  `it has the id of the ${which} image (${id}), and is not proved to be the same: give it a new id (speediso root seal)`
