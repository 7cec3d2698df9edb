/** What an image does once GRUB or a kexec has started it. */
export type Behaviour =
  /** Comes up, and its health checks pass. */
  | 'good'
  /** Its kernel panics, or hangs until the watchdog bites, before its initramfs runs. */
  | 'panics'
  /** Its initramfs runs, but what follows ends in a reboot. */
  | 'no init'
  /** Comes up, and its health checks fail. */
  | 'sick'

export interface ModelImage {
  behaviour: Behaviour
  kernel: string
  /** Whether GRUB can load it. One that it cannot is never started by a kexec either: that is what its own reader is asked for. */
  loads: boolean
  /** Whether it is taken as a candidate. */
  accepted: boolean
  /** Where it is not its key: another one has it too. */
  id?: string
  /** Its SHA-256, where that is known. */
  sum?: string
}

const image = (behaviour: Behaviour, kernel: string, more: Partial<ModelImage> = {}): ModelImage => ({
  ...{ behaviour, kernel, loads: true, accepted: true },
  ...more,
})

/** Every image that the model knows, by the key of its file. */
export const IMAGES: Readonly<Record<string, ModelImage>> = {
  old: image('good', 'k0'),
  first: image('good', 'k1'),
  next: image('good', 'k2'),
  sibling: image('good', 'k1'),
  panics: image('panics', 'k2'),
  noinit: image('no init', 'k2'),
  noinitSibling: image('no init', 'k1'),
  sick: image('sick', 'k2'),
  unloadable: image('good', 'k3', { loads: false }),
  refused: image('good', 'k2', { accepted: false }),
  base: image('good', 'k1', { sum: 'b' }),
  /** The same content in another file. */
  copy: image('good', 'k1', { id: 'base', sum: 'b' }),
  /** Made of a copy, without a new id. */
  edited: image('sick', 'k2', { id: 'base', sum: 'e' }),
  /** A copy that is not proved to be one. */
  unproved: image('sick', 'k1', { id: 'base' }),
  /** What GRUB cannot load, and a whole copy of it. */
  damaged: image('good', 'k3', { loads: false, sum: 'd' }),
  whole: image('good', 'k3', { id: 'damaged', sum: 'd' }),
}

/** What GRUB and the record know it by. */
export const idOf = (key: string): string => imageOf(key).id ?? key

export function imageOf(key: string): ModelImage {
  const found = IMAGES[key]
  if (found === undefined) throw new Error(`no image ${key}`)
  return found
}
