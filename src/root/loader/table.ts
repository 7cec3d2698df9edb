import type { Fallback } from '../schema.ts'
import { chooseTrialEnv, type TrialCopies, type TrialEnv } from './trial-env.ts'

/** How it stands with the current image: not on trial, on trial with boots left, on trial with none left. */
export type TrialState = 'none' | 'running' | 'spent'

export const TRIAL_STATES: readonly TrialState[] = ['none', 'running', 'spent']

/** What can be booted. */
export type Target = 'current' | 'old' | 'rescue'

/** Counts when the trial stands so and what it names can be loaded. */
export interface BootRow {
  trial: readonly TrialState[]
  boots: Target
  /** Told to what is booted, when it is not what a person would expect. */
  fallback?: Fallback
  /** One boot of the trial is taken away first. */
  counts?: true
  /** For the documentation. */
  why: string
}

/**
 * What GRUB boots: the first row that counts. The script for GRUB and the table in the documentation are made from
 * these rows, and `chooseBoot` evaluates them.
 */
export const BOOT_ROWS: readonly BootRow[] = [
  { trial: ['none'], boots: 'current', why: 'the ordinary boot' },
  { trial: ['running'], boots: 'current', counts: true, why: 'a boot of the trial' },
  { trial: ['spent'], boots: 'old', fallback: 'tries', why: 'the trial has failed' },
  // Before the image that has failed: the rescue system is known to be reachable, that image is not.
  {
    trial: ['spent'],
    boots: 'rescue',
    fallback: 'tries',
    why: 'the trial has failed, with nothing to go back to',
  },
  { trial: ['spent'], boots: 'current', fallback: 'tries', why: 'there is nothing else' },
  {
    trial: ['none', 'running'],
    boots: 'old',
    fallback: 'unreadable',
    why: 'the current image is missing or cannot be loaded',
  },
  { trial: ['none', 'running'], boots: 'rescue', fallback: 'unreadable', why: 'no image can be loaded' },
]

/** An image as GRUB sees it. */
export interface LoaderImage {
  /** Empty when it has none, or GRUB cannot read it. */
  id: string
  /** GRUB reads its kernel and its initramfs whole. */
  loads: boolean
}

/** All that GRUB decides upon. */
export interface LoaderView {
  copies: TrialCopies
  /** Undefined: there is no such file. */
  current?: LoaderImage
  old?: LoaderImage
  /** Its kernel and its initramfs are there and whole. */
  rescue: boolean
}

export interface LoaderChoice {
  boots: Target | 'nothing'
  fallback?: Fallback
  /** Boots that the current image has left after this one, when it is on trial. */
  tries?: number
  /**
   * What GRUB writes into both copies before it boots, in write order. It cannot write into a file that is missing or
   * does not begin as an environment block.
   */
  saves: readonly [TrialEnv, TrialEnv] | undefined
}

/** What GRUB boots; the script that is made from the rows does the same. */
export function chooseBoot(view: LoaderView): LoaderChoice {
  const env = chooseTrialEnv(view.copies)
  const id = view.current?.id ?? ''
  const trial = env?.trial !== undefined && env.trial.image === id ? env.trial : undefined
  const state: TrialState = trial === undefined ? 'none' : trial.tries > 0 ? 'running' : 'spent'
  const loads = { current: view.current?.loads, old: view.old?.loads, rescue: view.rescue }
  const row = BOOT_ROWS.find((each) => each.trial.includes(state) && loads[each.boots])
  if (row === undefined) return { boots: 'nothing', saves: undefined }
  const choice = { boots: row.boots, ...(row.fallback === undefined ? {} : { fallback: row.fallback }) }
  if (env === undefined || trial === undefined || row.boots !== 'current')
    return { ...choice, saves: undefined }
  if (!row.counts) return { ...choice, tries: trial.tries, saves: undefined }
  const tries = trial.tries - 1
  const next: TrialEnv = { seq: env.seq, trial: { image: trial.image, tries } }
  return { ...choice, tries, saves: [next, next] }
}

const STATE_WORDS: Readonly<Record<TrialState, string>> = {
  none: 'not on trial',
  running: 'on trial, boots left',
  spent: 'on trial, none left',
}

const TARGET_WORDS: Readonly<Record<Target, string>> = {
  current: '`hn-root.img`',
  old: '`hn-root-old.img`',
  rescue: '`rescue/`',
}

/** The rows as a Markdown table, for the documentation. */
export function describeBootTable(): string {
  const lines = BOOT_ROWS.map(({ trial, boots, fallback, counts, why }, index) => {
    const states = trial.map((state) => STATE_WORDS[state]).join('; ')
    const tells = fallback === undefined ? '' : `\`speediso.fallback=${fallback}\``
    return `| ${index + 1} | ${states} | ${TARGET_WORDS[boots]} | ${counts ? 'takes one' : ''} | ${tells} | ${why} |`
  })
  return [
    '| | the current image is | boots, if it can be loaded | tries | tells | when |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
    `| ${BOOT_ROWS.length + 1} | any of these | nothing: says so, and restarts after a minute | | | nothing can be loaded |`,
  ].join('\n')
}
