import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { apply } from '../../../src/root/apply.ts'
import { decide } from '../../../src/root/decide.ts'
import { settle } from '../../../src/root/freeze.ts'
import { findFiles } from '../../../src/root/observe/files.ts'
import { createRootPort } from '../../../src/root/port.ts'
import { parseRecord, RECORD_FILES, readRecord, writeRecord } from '../../../src/root/record-file.ts'
import type { Observed } from '../../../src/root/schema.ts'
import { FIRST_RECORD } from '../../../src/root/standing.ts'
import { memoryFolder } from './loop-device.ts'
import { IMAGES, NAMES, settleDeps } from './root-swaps.ts'
import { type CutOptions, DEFAULT_CUTS } from './write-log/cuts.ts'
import { eachCut, type JudgedCut } from './write-log/each-cut.ts'
import { type Files, filesOf } from './write-log/readers.ts'
import { type Filesystem, recordWrites } from './write-log/record.ts'

/** What an act is recorded of; the images are those of root-swaps.ts, A current, O old, B new. */
interface Swap {
  flag: boolean
  /** Image under each name in the end. */
  end: Readonly<Record<string, string>>
}

const SWAPS: Readonly<Record<'update' | 'revert', Swap>> = {
  update: { flag: false, end: { [NAMES.current]: 'B', [NAMES.old]: 'A', [NAMES.new]: 'missing' } },
  revert: {
    flag: true,
    end: { [NAMES.current]: 'O', [NAMES.old]: 'missing', [NAMES.broken]: 'A', [NAMES.flag]: 'missing' },
  },
}

const images = filesOf([NAMES.current, NAMES.old, NAMES.new, NAMES.broken, NAMES.passing], IMAGES)

/** The images, the flag, and of the record's copies the number and whether something is on trial. */
const FILES: Files = {
  names: [...images.names, NAMES.flag, ...RECORD_FILES],
  label(content, name) {
    if (name === NAMES.flag) return content.length === 0 ? 'there' : 'damaged'
    if (!name.startsWith('.speediso/')) return images.label(content, name)
    const record = parseRecord(content)
    return record === undefined ? 'torn' : `${record.seq} ${record.trial === undefined ? 'settled' : 'trial'}`
  },
}

function prepare({ flag }: Swap) {
  return async (dir: string) => {
    writeFileSync(join(dir, NAMES.current), IMAGES.A)
    writeFileSync(join(dir, NAMES.old), IMAGES.O)
    if (flag) writeFileSync(join(dir, NAMES.flag), '')
    else writeFileSync(join(dir, NAMES.new), IMAGES.B)
    const { files } = await findFiles(dir, NAMES)
    const record = { ...FIRST_RECORD, confirmed: files.current ?? '' }
    await writeRecord(dir, record)
    await writeRecord(dir, { ...record, seq: 2 })
  }
}

/** What a boot does, with the real port. `without`: that is left out, and has to be missed. */
async function swapByDecision(
  dir: string,
  deps: Awaited<ReturnType<typeof settleDeps>>,
  without?: 'settle',
): Promise<void> {
  const { files, flag } = await findFiles(dir, NAMES)
  const record = await readRecord(dir)
  const observed: Observed = {
    ...{ occasion: 'boot', files, flag, sameKernel: [], facts: {}, ids: {}, tries: 3, time: '' },
    ...(record === undefined ? {} : { record }),
    ...(files.current === undefined ? {} : { booted: files.current }),
    ...(files.new === undefined || flag
      ? {}
      : { candidate: { accepted: true, image: { id: 'b' }, kernel: 'other', evidence: [] } }),
  }
  const port = createRootPort({
    ...{ hostpart: dir, names: NAMES, say: () => {} },
    settle: async (at) => (without === 'settle' ? ({ how: 'frozen' } as const) : settle(at, deps)),
    writeLoader: async () => {},
  })
  await apply(decide(observed).actions, NAMES, port)
}

/** What is wrong with a state that a power cut leaves. */
function wrongs(judged: JudgedCut, what: keyof typeof SWAPS): string[] {
  const { end } = SWAPS[what]
  const other = what === 'update' ? 'B' : 'O'
  const found = (['grub', 'kernel'] as const).flatMap((reader) => {
    const view = judged[reader]
    const current = view[NAMES.current] ?? 'missing'
    const all = Object.values(view)
    const wrong: string[] = []
    if (!['A', other].includes(current)) wrong.push(`${reader}: current is ${current}`)
    if (!all.includes('A')) wrong.push(`${reader}: A is lost`)
    if (images.names.some((name) => view[name] === 'damaged')) wrong.push(`${reader}: an image is damaged`)
    if (what === 'revert' && !all.includes('O')) wrong.push(`${reader}: O is lost`)
    // Before it can boot the new image it has to find the way back.
    if (what === 'update' && current === 'B' && view[NAMES.old] !== 'A')
      wrong.push(`${reader}: boots B, and old is ${view[NAMES.old]}`)
    const images_ = Object.entries(end).filter(([name]) => name !== NAMES.flag)
    if (judged.after('acted') && images_.some(([name, key]) => view[name] !== key))
      wrong.push(`${reader}: done, but ${JSON.stringify(view)}`)
    return wrong
  })
  const { kernel } = judged
  const copies = RECORD_FILES.map((name) => kernel[name])
  if (copies.every((copy) => copy === undefined || ['missing', 'damaged', 'torn'].includes(copy)))
    found.push('both copies of the record are lost')
  const newest = Math.max(...copies.map((copy) => Number.parseInt(copy ?? '', 10) || 0))
  const says = copies.find((copy) => copy?.startsWith(`${newest} `))
  if (what === 'update' && kernel[NAMES.current] === 'B' && !says?.endsWith('trial'))
    found.push(`B is current, and not on trial (${says})`)
  if (judged.after('acted') && kernel[NAMES.flag] !== 'missing') found.push('done, but the flag is there')
  return found
}

const PREFIXES: CutOptions = { ...DEFAULT_CUTS, subsets: false }

async function judge(
  filesystem: Filesystem,
  what: keyof typeof SWAPS,
  options: CutOptions,
  without?: 'settle',
) {
  const deps = await settleDeps()
  using memory = memoryFolder()
  using recording = await recordWrites({
    ...{ filesystem, dir: memory.dir, prepare: prepare(SWAPS[what]) },
    act: (dir) => swapByDecision(dir, deps, without),
  })
  const wrong = new Map<string, string>()
  const totals = await eachCut(
    recording,
    FILES,
    (cut) => {
      for (const each of wrongs(cut, what)) {
        if (!wrong.has(each)) wrong.set(each, `${cut.name}: ${JSON.stringify([cut.grub, cut.kernel])}`)
      }
    },
    options,
  )
  const { planned, judged, entries } = totals
  console.log(
    `figure: ${filesystem.type}, ${what}${without === undefined ? '' : ` without ${without}`}: ${entries} writes and flushes, ${planned} cuts, ${judged} different; ${wrong.size} faults`,
  )
  return { wrong, totals }
}

/** An update and a revert as a boot does them, with a power cut at every write: both readers boot what they may. */
export function applyCrashTests(filesystem: Filesystem, options: CutOptions = DEFAULT_CUTS): void {
  for (const what of ['update', 'revert'] as const) {
    test(`${filesystem.type}: at every cut of ${what === 'update' ? 'an update' : 'a revert'} both readers boot what they may`, async () => {
      const { wrong, totals } = await judge(filesystem, what, options)
      assert.equal([...wrong], [])
      assert.ok(totals.judged > 20)
    })
  }
  test(`${filesystem.type}: without a settle GRUB is found to boot what was replaced`, async () => {
    const { wrong } = await judge(filesystem, 'update', PREFIXES, 'settle')
    assert.ok(
      [...wrong.keys()].some((each) => each.startsWith('grub: done, but')),
      [...wrong.keys()].join('\n'),
    )
  })
}
