import { join } from 'node:path'
import { type Cut, type CutOptions, DEFAULT_CUTS, piecesOf, planCuts } from './cuts.ts'
import { type Files, grubView, kernelView, type View } from './readers.ts'
import type { Recording } from './record.ts'
import { replayOnto } from './replay.ts'

/** One state that a power cut can leave, as both readers see it. */
export interface JudgedCut {
  cut: Cut
  /** Which cut, for people. */
  name: string
  grub: View
  kernel: View
  /** Whether the power can have gone after this mark: what was promised by then has to hold. */
  after(mark: string): boolean
}

export interface CutTotals {
  /** Cuts of the plan. */
  planned: number
  /** Of these, prefixes of the log. */
  prefixes: number
  /** States that differ, which is what was judged. */
  judged: number
  entries: number
  flushes: number
}

/**
 * Shows every state that a power cut within the recording can leave to both readers, and what they find to `judge`.
 * Cuts that leave the same bytes are read once.
 */
export async function eachCut(
  recording: Recording,
  files: Files,
  judge: (judged: JudgedCut) => void | Promise<void>,
  options: CutOptions = DEFAULT_CUTS,
): Promise<CutTotals> {
  const { entries, marks, filesystem } = recording
  const pieces = piecesOf(entries, options.atomBytes)
  const cuts = planCuts(entries, pieces, options)
  using disk = replayOnto(recording.base, join(recording.dir, 'replay'), pieces)
  const views = new Map<string, { grub: View; kernel: View }>()
  for (const cut of cuts) {
    const state = disk.take(cut)
    let view = views.get(state)
    if (view === undefined) {
      const grubs = grubView(disk.path, files)
      const [kernel, grub] = await Promise.all([kernelView(disk.path, filesystem.mountOptions, files), grubs])
      view = { grub, kernel }
      views.set(state, view)
    }
    const after = (mark: string) => {
      const entry = marks[mark]
      if (entry === undefined) throw new Error(`no mark ${mark}`)
      return cut.latest >= entry
    }
    await judge({ cut, name: describe(cut), ...view, after })
  }
  const prefixes = cuts.filter(({ kind }) => kind === 'prefix').length
  const flushes = entries.filter(({ kind }) => kind === 'flush').length
  return { planned: cuts.length, prefixes, judged: views.size, entries: entries.length, flushes }
}

function describe({ durable, also, latest, kind }: Cut): string {
  const end = durable + also.length
  const what =
    kind === 'prefix' ? `the first ${end} pieces` : `${durable} pieces and of the next ${also.join()}`
  return `${what}, at the latest at entry ${latest}`
}
