import type { ImageNames, ImageRole } from './names.ts'
import type { StateRecord } from './record.ts'
import type { Action, LoaderTrial } from './schema.ts'

/** One call of the filesystem. Paths are below hostpart. */
export type Act =
  | { act: 'link'; from: string; to: string }
  /**
   * `optional`: there may be no such file. `mayStay`: when it cannot be, it is said, and what follows of the same action is
   * left out.
   */
  | { act: 'rename'; from: string; to: string; optional?: true; mayStay?: true }
  | { act: 'unlink'; path: string }
  | { act: 'create'; path: string }
  | { act: 'text'; path: string; text: string }
  /** What was linked, renamed, removed and created before stays so. */
  | { act: 'sync' }
  /** Writes the older copy of the record, and waits until it is on the disk. */
  | { act: 'record'; record: StateRecord }
  /** Writes both copies of what GRUB counts, the second once the first is on the disk. */
  | { act: 'loader'; trial: LoaderTrial | undefined }
  | { act: 'settle' }

/** A manifest and its signature lie beside their image. */
export const SIDECARS = ['.json', '.json.sig'] as const

/** The calls that an action is made of, in their order. Each leaves the host bootable, also when none of what follows is done. */
export function actsOf(action: Action, names: ImageNames): Act[] {
  const sync: Act = { act: 'sync' }
  switch (action.do) {
    case 'remove':
      return [{ act: 'unlink', path: names[action.what] }, sync]
    case 'ask':
      return [{ act: 'create', path: names.flag }, sync]
    case 'keep':
      // Never away first: the name that gets the image has the old one until it has the new one.
      return [
        { act: 'link', from: names.current, to: names.passing },
        { act: 'rename', from: names.passing, to: names[action.as] },
        sync,
      ]
    case 'move':
      return [
        ...staleSidecars(action, names),
        {
          ...{ act: 'rename', from: names[action.from], to: names[action.to] },
          // A refused candidate that is no file at all cannot always be set aside, and harms nobody where it is.
          ...(action.to === 'rejected' ? { mayStay: true } : {}),
        },
        sync,
        ...sidecars(action, names),
      ]
    case 'record':
      return [{ act: 'record', record: action.record }]
    case 'loader':
      return [{ act: 'loader', trial: action.trial }]
    case 'reason':
      return [{ act: 'text', path: names.reason, text: `${action.text}\n` }]
    case 'settle':
      return [{ act: 'settle' }]
  }
}

type Move = { from: ImageRole; to: ImageRole }

/** Where a candidate goes with its manifest: there it can still be staged. */
const KEEPS_SIDECARS: readonly ImageRole[] = ['held', 'rejected']

/** What lies there is of the image that is replaced, or of none: it must not be taken for that of the one that comes. */
function staleSidecars({ from, to }: Move, names: ImageNames): Act[] {
  if (from !== 'new' || !KEEPS_SIDECARS.includes(to)) return []
  return SIDECARS.map((ending) => ({ act: 'unlink', path: `${names[to]}${ending}` }))
}

/**
 * A candidate's manifest goes with it; that of one that was taken must not be taken for the next one's. The manifest last:
 * as long as it lies where the image was, somebody can see that this was interrupted (see `finishSidecars`).
 */
function sidecars({ from, to }: Move, names: ImageNames): Act[] {
  if (from !== 'new') return []
  const goes = KEEPS_SIDECARS.includes(to)
  return SIDECARS.toReversed().map((ending) => {
    const path = `${names.new}${ending}`
    return goes
      ? { act: 'rename', from: path, to: `${names[to]}${ending}`, optional: true }
      : { act: 'unlink', path }
  })
}
