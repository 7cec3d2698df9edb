import type { ImageRole } from './names.ts'
import {
  DENIED_KEPT,
  type FileKey,
  type ImageFacts,
  REASON_LIMIT,
  type StateRecord,
  shorten,
  VERSION_LIMIT,
} from './record.ts'
import type { Action, Decision, LoaderTrial, Observed, Outcome } from './schema.ts'
import { FIRST_RECORD } from './standing.ts'

/** A decision in the making: the actions so far, and how things will stand when they are done. */
export class Draft {
  readonly observed: Observed
  readonly files: Partial<Record<ImageRole, FileKey>>
  record: StateRecord
  readonly #actions: Action[] = []
  readonly #messages: Decision['messages'][number][] = []
  #loader: LoaderTrial | undefined
  /** Facts that are not remembered yet. */
  #found: Observed['facts']
  /** Names were changed that GRUB may not see yet. */
  #unsettled = false

  constructor(observed: Observed) {
    this.observed = observed
    this.files = { ...observed.files }
    this.record = observed.record ?? FIRST_RECORD
    this.#loader = observed.loader
    this.#found = observed.facts
  }

  say(level: 'info' | 'warning' | 'error', text: string): void {
    this.#messages.push({ level, text })
  }

  #act(action: Action): void {
    this.#actions.push(action)
  }

  remove(what: 'passing' | 'flag' | ImageRole): void {
    this.#act({ do: 'remove', what })
    if (what === 'passing' || what === 'flag') return
    delete this.files[what]
    this.#unsettled = true
  }

  ask(): void {
    this.#act({ do: 'ask' })
  }

  /** Gives the current image this name too; nothing when it has it, as after an interrupted swap. */
  keep(as: 'old' | 'broken'): void {
    const { current } = this.files
    if (current === undefined || this.files[as] === current) return
    this.#act({ do: 'keep', as })
    this.files[as] = current
    this.#unsettled = true
  }

  move(from: ImageRole, to: ImageRole): void {
    const key = this.files[from]
    if (key === undefined) return
    this.#act({ do: 'move', from, to })
    delete this.files[from]
    this.files[to] = key
    this.#unsettled = true
  }

  reason(text: string): void {
    this.#act({ do: 'reason', text })
  }

  /** Changes what is remembered, `images` one by one; `undefined` takes a field away. Nothing when it stands so already. */
  remember(change: { [K in keyof StateRecord]?: StateRecord[K] | undefined }): void {
    const next = { ...this.record, ...change } as StateRecord
    for (const name of ['confirmed', 'trial'] as const) if (next[name] === undefined) delete next[name]
    const known = new Set([...Object.values(this.files), next.trial?.image])
    // What was read now is of what lies there now, but for what this decision itself has found out.
    const images = { ...this.record.images, ...this.#found, ...change.images }
    this.#found = {}
    next.images = Object.fromEntries(
      Object.entries(images).flatMap(([key, facts]) => (known.has(key) ? [[key, kept(facts)]] : [])),
    )
    if (this.record !== FIRST_RECORD && same(next, this.record)) return
    next.seq = this.record === FIRST_RECORD ? 1 : this.record.seq + 1
    this.record = next
    this.#act({ do: 'record', record: next })
  }

  facts(key: FileKey | undefined): ImageFacts | undefined {
    return key === undefined ? undefined : (this.record.images[key] ?? this.observed.facts[key])
  }

  /** The list of refused images with one more, for the reason given. */
  deniedWith(key: FileKey, reason: string): StateRecord['denied'] {
    const facts = this.facts(key)
    const digest = facts?.sha256 ?? facts?.id ?? this.observed.ids[key] ?? ''
    if (digest === '') return this.record.denied
    const version = facts?.version === undefined ? {} : { version: shorten(facts.version, VERSION_LIMIT) }
    const others = this.record.denied.filter((denied) => denied.digest !== digest)
    const denied = { digest, ...version, reason: shorten(reason, REASON_LIMIT), time: this.observed.time }
    return [...others, denied].slice(-DENIED_KEPT)
  }

  /**
   * What GRUB shall count. Taking it away comes after a settle: as long as GRUB may see the names of before, it has to
   * go on counting the image that it would boot by them.
   */
  count(trial: LoaderTrial | undefined): void {
    if (trial === undefined && this.#loader === undefined) return
    if (trial !== undefined && trial.image === this.#loader?.image && trial.tries === this.#loader.tries)
      return
    if (trial === undefined) this.settle()
    this.#act({ do: 'loader', trial })
    this.#loader = trial
  }

  get counted(): LoaderTrial | undefined {
    return this.#loader
  }

  settle(): void {
    if (!this.#unsettled) return
    this.#act({ do: 'settle' })
    this.#unsettled = false
  }

  end(outcome: Outcome, boot?: Decision['boot']): Decision {
    this.settle()
    return {
      outcome,
      actions: this.#actions,
      ...(boot === undefined ? {} : { boot }),
      messages: this.#messages,
    }
  }
}

/** Of an image that nobody has judged a version may have any length. */
function kept(facts: ImageFacts): ImageFacts {
  const { version } = facts
  return version === undefined ? facts : { ...facts, version: shorten(version, VERSION_LIMIT) }
}

/** Equal but for the sequence number. */
function same(a: StateRecord, b: StateRecord): boolean {
  return JSON.stringify({ ...a, seq: 0 }) === JSON.stringify({ ...b, seq: 0 })
}
