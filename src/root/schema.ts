import type { ImageRole } from './names.ts'
import type { FileKey, ImageFacts, StateRecord } from './record.ts'

/** Why GRUB has not booted the current image: its trial is used up, or it cannot be read or loaded. */
export type Fallback = 'tries' | 'unreadable'

/** The judgement of the candidate. */
export type CandidateVerdict =
  /** `kernel`: whether the kernel that runs now is also the candidate's, byte for byte. */
  | { accepted: true; image: ImageFacts; kernel: 'same' | 'other'; evidence: readonly string[] }
  | { accepted: false; reason: string; image?: Partial<ImageFacts> }

/**
 * What asks for a decision: a boot in the initramfs, or, of the running system, a staged image, a request to revert, a
 * confirmation, health that failed past its deadline.
 */
export type Occasion = 'boot' | 'stage' | 'revert' | 'confirm' | 'unhealthy'

/** What GRUB counts; undefined in `Observed` when it counts nothing. */
export interface LoaderTrial {
  /** Id of the image on trial. */
  image: string
  /** Boots that GRUB has left for it, before it goes back to the old image. */
  tries: number
}

/** Everything that a decision rests on. */
export interface Observed {
  occasion: Occasion
  files: Readonly<Partial<Record<ImageRole, FileKey>>>
  /** The second link that an interrupted swap has left. */
  passing?: FileKey
  flag: boolean
  record?: StateRecord
  loader?: LoaderTrial
  /** File of the image whose kernel runs, or `gone` when it has none any more; undefined when it cannot be told. */
  booted?: FileKey | 'gone'
  fallback?: Fallback
  /** The current image is a symbolic link, and GRUB may have booted what it leads to. */
  currentIsLink?: true
  /** The current image cannot be the root, or could not be in this boot, and nobody chose to do without it. */
  unusable?: true
  /** Somebody chose the old image in GRUB's menu, for this boot. */
  chosen?: true
  /** Files whose kernel is the one that runs, byte for byte, though they are not what was booted. */
  sameKernel: readonly FileKey[]
  /** Judged only when files.new exists and the flag does not. */
  candidate?: CandidateVerdict
  /** What was read of files that the record does not know. */
  facts: Readonly<Record<FileKey, ImageFacts>>
  /** Ids of files, where they are known: from the record, or read from the image. */
  ids: Readonly<Record<FileKey, string>>
  /** Boots that a new image has. */
  tries: number
  /** ISO 8601, for what is remembered. */
  time: string
  /** Why, for `revert` and `unhealthy`. */
  why?: string
}

/** One thing to do on hostpart or in the loader's environment. Each leaves a state from which a boot works. */
export type Action =
  /** Removes what an interrupted swap has left. */
  | { do: 'remove'; what: 'passing' | 'flag' | ImageRole }
  /** The current image also gets this name, in place of what had it. */
  | { do: 'keep'; as: 'old' | 'broken' }
  /** Asks for the revert, so that one that a power cut interrupts is gone on with. */
  | { do: 'ask' }
  | { do: 'move'; from: ImageRole; to: ImageRole }
  | { do: 'record'; record: StateRecord }
  /** Undefined: GRUB counts nothing. */
  | { do: 'loader'; trial: LoaderTrial | undefined }
  | { do: 'reason'; text: string }
  /** Brings all of it where a reader finds it that does not replay the journal. */
  | { do: 'settle' }

/** What has become of the request; one word each for the table in the documentation. */
export type Outcome =
  | 'unchanged'
  | 'on trial'
  | 'updated'
  | 'reverted'
  | 'went back'
  | 'refused'
  | 'held'
  | 'nothing to revert to'
  | 'healed'
  | 'fallback'
  | 'chosen'
  | 'confirmed'
  | 'nothing to boot'

export interface Decision {
  outcome: Outcome
  actions: readonly Action[]
  /** For a boot: the file to be the root, and whether it can be mounted now or its own kernel has to be started first. */
  boot?: { image: FileKey; role: ImageRole; how: 'mount' | 'restart' }
  /** For people, in the order of what happened. */
  messages: readonly { level: 'info' | 'warning' | 'error'; text: string }[]
}
