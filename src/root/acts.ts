import type { ImageNames, ImageRole } from './names.ts'
import type { StateRecord } from './record.ts'
import type { Action, LoaderTrial } from './schema.ts'

/** One call of the filesystem. Paths are below hostpart. */
export type Act =
  | { act: 'link'; from: string; to: string }
  | { act: 'rename'; from: string; to: string }
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
        { act: 'rename', from: names[action.from], to: names[action.to] },
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

/** The manifest of a candidate waits with it; that of one that was taken or refused must not be taken for the next one's. */
function sidecars({ from, to }: { from: ImageRole; to: ImageRole }, names: ImageNames): Act[] {
  if (from !== 'new') return []
  return SIDECARS.map((ending) => {
    const path = `${names.new}${ending}`
    return to === 'held'
      ? { act: 'rename', from: path, to: `${names.held}${ending}` }
      : { act: 'unlink', path }
  })
}
