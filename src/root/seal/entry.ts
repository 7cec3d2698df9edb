/** What is done with a place that an entry names. */
export type SealAction =
  /** A file, a link, or a folder with all that is in it. */
  | { do: 'remove' }
  /** The file stays, with its owner and mode, and holds nothing. */
  | { do: 'truncate' }
  /** A file that is there gets this text. */
  | { do: 'set'; text: string }
  /** The folder stays and holds nothing. */
  | { do: 'clear' }
  /** Folders stay, with all folders below, and hold no file: for services that do not make their own. */
  | { do: 'clear files' }
  /** Lines of the file that match go. */
  | { do: 'drop lines'; matching: RegExp }

/** One thing in a root image that belongs to one host. */
export interface SealEntry {
  /** Unique, for `--json` and people. */
  name: string
  /** What it is, and what would go wrong with two hosts that have it. */
  what: string
  /**
   * Paths below the image's root without a leading slash, with `*`, `?` and `{a,b}`; a `*` also stands for a leading dot.
   * `~/` stands for the home folder of each user.
   */
  paths: readonly string[]
  action: SealAction
  /** Where it is known from: another tool's operation, or the documentation of the program that writes it. */
  from: string
  /** Who reads it can pass for the host: it is overwritten before it is removed, and searched for afterwards. */
  secret?: true
  /** Only files that hold this, such as those that name the address of a network card. */
  holding?: RegExp
}

export const REMOVE: SealAction = { do: 'remove' }
export const CLEAR: SealAction = { do: 'clear' }
export const CLEAR_FILES: SealAction = { do: 'clear files' }
export const TRUNCATE: SealAction = { do: 'truncate' }
