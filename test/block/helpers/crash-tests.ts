import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryFolder } from './loop-device.ts'
import {
  FILES,
  moveAwayMoveIn,
  prepareHost,
  type SwapOptions,
  settleDeps,
  swap,
  wrongs,
} from './root-swaps.ts'
import { type CutOptions, DEFAULT_CUTS } from './write-log/cuts.ts'
import { type CutTotals, eachCut } from './write-log/each-cut.ts'
import { type Filesystem, recordWrites } from './write-log/record.ts'

const PREFIXES: CutOptions = { ...DEFAULT_CUTS, subsets: false }
const FEW_SUBSETS: CutOptions = { ...DEFAULT_CUTS, everySubsetUpTo: 6, sampled: 0 }

interface Judgement {
  totals: CutTotals
  /** What was wrong, with the number of cuts. */
  wrong: Map<string, number>
  /** The first cut of each. */
  first: Map<string, string>
}

async function judge(
  filesystem: Filesystem,
  act: (dir: string) => void | Promise<void>,
  options: CutOptions,
): Promise<Judgement> {
  using memory = memoryFolder()
  using recording = await recordWrites({ filesystem, dir: memory.dir, prepare: prepareHost, act })
  const wrong = new Map<string, number>()
  const first = new Map<string, string>()
  const judged = await eachCut(
    recording,
    FILES,
    (cut) => {
      for (const what of wrongs(cut)) {
        wrong.set(what, (wrong.get(what) ?? 0) + 1)
        if (!first.has(what)) first.set(what, `${cut.name}: ${JSON.stringify([cut.grub, cut.kernel])}`)
      }
    },
    options,
  )
  return { totals: judged, wrong, first }
}

function tell(filesystem: Filesystem, what: string, { totals, wrong }: Judgement): void {
  const { planned, prefixes, judged, entries, flushes } = totals
  const found = [...wrong].map(([each, count]) => `${each} (${count})`).join('; ')
  const cuts = `${entries} writes and flushes (${flushes}), ${planned} cuts (${prefixes} prefixes), ${judged} different`
  process.stdout.write(`${filesystem.type}, ${what}: ${cuts}; ${found === '' ? 'none wrong' : found}\n`)
}

const foundIn = ({ wrong }: Judgement, pattern: RegExp) =>
  [...wrong.keys()].filter((each) => pattern.test(each))

/** The tests of one filesystem: the swap, and what happens without each of its parts. */
export async function crashTests(
  filesystem: Filesystem,
  expected: {
    /** Who misses the current image between the two moves. */
    gap: readonly ('grub' | 'kernel')[]
    /** Whether GRUB finds an emptied old image when the replaced one is not held open. */
    emptied: boolean
  },
): Promise<void> {
  const deps = await settleDeps()
  const swapping = (options: SwapOptions) => (dir: string) => swap(dir, deps, options)

  test(`${filesystem.type}: at every cut of a swap both readers boot, and after it both boot the new image`, async () => {
    const judgement = await judge(filesystem, swapping({ settle: true, hold: true }), DEFAULT_CUTS)
    tell(filesystem, 'swap', judgement)
    assert.equal([...judgement.first], [])
    assert.ok(judgement.totals.flushes >= 4)
  })

  test(`${filesystem.type}: two moves leave a moment without any current image`, async () => {
    const judgement = await judge(filesystem, moveAwayMoveIn, PREFIXES)
    tell(filesystem, 'two moves', judgement)
    const missing = expected.gap.map((reader) => `${reader}: current is missing`)
    assert.equal(foundIn(judgement, /current is missing$/).sort(), [...missing].sort())
  })

  test(`${filesystem.type}: with fsync alone GRUB still boots the image that the kernel has replaced`, async () => {
    const judgement = await judge(filesystem, swapping({ settle: false, hold: true }), PREFIXES)
    tell(filesystem, 'without freeze', judgement)
    assert.equal([...judgement.wrong.keys()], ['grub: swapped, but current is A and old is O'])
  })

  if (!expected.emptied) return
  test(`${filesystem.type}: a replaced image that is not held is emptied before its name goes`, async () => {
    const judgement = await judge(filesystem, swapping({ settle: true, hold: false }), FEW_SUBSETS)
    tell(filesystem, 'not held', judgement)
    assert.equal([...judgement.wrong.keys()], ['grub: old is damaged'])
  })
}
