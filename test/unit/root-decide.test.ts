import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decide } from '../../src/root/decide.ts'
import { describeBoots, describeRequests } from '../../src/root/decision-table.ts'
import { BOUNCE_LIMIT } from '../../src/root/go-on.ts'
import type { Decision, Observed } from '../../src/root/schema.ts'
import { standingOf } from '../../src/root/standing.ts'
import {
  accepted,
  after,
  found,
  LIMIT,
  NAMES,
  nextBoot,
  refused,
  remembers,
  shown,
  statesOf,
} from './helpers/root-decisions.ts'

const ALL = { current: 'C', old: 'O', new: 'N' } as const
const BOTH = { current: 'C', old: 'O' } as const
const confirmed = { record: remembers({ confirmed: 'C' }) }
/** `boots` have begun before this one. */
const onTrial = (boots: number, more: Partial<Observed> = {}) => ({
  record: remembers({ confirmed: 'O', trial: { image: 'C', boots, limit: LIMIT } }),
  files: BOTH,
  ...more,
})
const missing = { files: { old: 'O' }, ...confirmed, booted: 'O', fallback: 'unreadable' } as const
const alone = { ...confirmed, files: { new: 'N' }, booted: 'gone' } as const
const unreadable = { ...confirmed, files: BOTH, booted: 'O', fallback: 'unreadable' } as const
const spent = onTrial(LIMIT, { booted: 'O', fallback: 'tries' })

const { booted: _booted, ...untold } = found(confirmed)

type Row = [what: string, observed: Partial<Observed>, outcome: string, boots: string, files: string]

const rows: Row[] = [
  // An ordinary boot.
  ['confirmed', { ...confirmed }, 'unchanged', 'mount C', 'C'],
  ['confirmed, old', { ...confirmed, files: BOTH }, 'unchanged', 'mount C', 'C, -old O'],
  ['not remembered', { files: BOTH }, 'unchanged', 'mount C', 'C, -old O'],
  ['not told what was booted', untold, 'unchanged', 'mount C', 'C'],
  ['another kernel runs', { ...confirmed, files: BOTH, booted: 'O' }, 'unchanged', 'restart C', 'C, -old O'],
  [
    'another image with the same kernel runs',
    { ...confirmed, files: BOTH, booted: 'O', sameKernel: ['C'] },
    ...(['unchanged', 'mount C', 'C, -old O'] as const),
  ],
  // A candidate.
  [
    'accepted',
    { ...confirmed, files: ALL, candidate: accepted() },
    ...(['updated', 'restart N', 'N, -old C'] as const),
  ],
  [
    'accepted, with the kernel that runs',
    { ...confirmed, files: ALL, candidate: accepted({ kernel: 'same' }) },
    ...(['updated', 'mount N', 'N, -old C'] as const),
  ],
  [
    'accepted, no old',
    { ...confirmed, files: { current: 'C', new: 'N' }, candidate: accepted() },
    ...(['updated', 'restart N', 'N, -old C'] as const),
  ],
  [
    'accepted, nothing remembered',
    { files: ALL, candidate: accepted() },
    ...(['updated', 'restart N', 'N, -old C'] as const),
  ],
  [
    'accepted, an interrupted swap has left old the same as current',
    { ...confirmed, files: { current: 'C', old: 'C', new: 'N' }, candidate: accepted() },
    ...(['updated', 'restart N', 'N, -old C'] as const),
  ],
  [
    'refused',
    { ...confirmed, files: ALL, candidate: refused },
    ...(['refused', 'mount C', 'C, -old O, -rejected N'] as const),
  ],
  ['not judged', { ...confirmed, files: ALL }, 'unchanged', 'mount C', 'C, -new N, -old O'],
  // On trial.
  ['first boot', onTrial(0), 'on trial', 'mount C', 'C, -old O'],
  ['last boot', onTrial(2), 'on trial', 'mount C', 'C, -old O'],
  ['used up', onTrial(3), 'went back', 'restart O', 'O, -broken C'],
  ['used up, says GRUB', spent, 'went back', 'mount O', 'O, -broken C'],
  [
    'not loaded by GRUB',
    onTrial(1, { booted: 'O', fallback: 'unreadable' }),
    'went back',
    'mount O',
    'O, -broken C',
  ],
  [
    'on trial, accepted',
    onTrial(1, { files: ALL, candidate: accepted() }),
    ...(['updated', 'restart N', 'N, -old O, -broken C'] as const),
  ],
  [
    'on trial, refused',
    onTrial(1, { files: ALL, candidate: refused }),
    ...(['refused', 'mount C', 'C, -old O, -rejected N'] as const),
  ],
  [
    'used up, accepted',
    { ...spent, files: ALL, candidate: accepted() },
    'went back',
    'mount O',
    'O, -new N, -broken C',
  ],
  ['used up, no old', { ...spent, files: { current: 'C' }, booted: 'C' }, 'unchanged', 'mount C', 'C'],
  // The flag.
  ['flag', { ...confirmed, files: BOTH, flag: true }, 'reverted', 'restart O', 'O, -broken C'],
  [
    'flag, same kernel',
    { ...confirmed, files: BOTH, flag: true, sameKernel: ['O'] },
    ...(['reverted', 'mount O', 'O, -broken C'] as const),
  ],
  ['flag, no old', { ...confirmed, flag: true }, 'nothing to revert to', 'mount C', 'C'],
  [
    'flag, candidate',
    { ...confirmed, files: ALL, flag: true },
    'reverted',
    'restart O',
    'O, -broken C, -held N',
  ],
  [
    'flag, candidate, no old',
    { ...confirmed, files: { current: 'C', new: 'N' }, flag: true },
    ...(['nothing to revert to', 'mount C', 'C, -held N'] as const),
  ],
  ['flag, on trial', onTrial(1, { flag: true }), 'reverted', 'restart O', 'O, -broken C'],
  ['flag, used up', { ...spent, flag: true }, 'reverted', 'mount O', 'O, -broken C'],
  ['flag, not loaded by GRUB', { ...unreadable, flag: true }, 'reverted', 'mount O', 'O, -broken C'],
  [
    'flag of a revert that was interrupted',
    { record: remembers({ confirmed: 'B' }), files: { current: 'C', broken: 'B' }, flag: true },
    ...(['reverted', 'mount C', 'C, -broken B'] as const),
  ],
  // No current image.
  ['missing', missing, 'healed', 'mount O', 'O'],
  ['missing, flag', { ...missing, flag: true }, 'healed', 'mount O', 'O'],
  [
    'missing, flag, candidate',
    { ...missing, files: { old: 'O', new: 'N' }, flag: true },
    ...(['healed', 'mount O', 'O, -held N'] as const),
  ],
  [
    'missing, accepted',
    { ...missing, files: { old: 'O', new: 'N' }, candidate: accepted() },
    ...(['healed', 'mount O', 'O, -new N'] as const),
  ],
  ['missing, no old', { ...confirmed, files: {}, booted: 'gone' }, 'nothing to boot', 'nothing', ''],
  ['missing, no old, accepted', { ...alone, candidate: accepted() }, 'updated', 'restart N', 'N'],
  [
    'missing, no old, accepted, not told what was booted',
    { ...untold, files: alone.files, candidate: accepted() },
    ...(['updated', 'restart N', 'N'] as const),
  ],
  [
    'missing, no old, accepted, with the kernel that runs',
    { ...alone, candidate: accepted({ kernel: 'same' }) },
    ...(['updated', 'mount N', 'N'] as const),
  ],
  [
    'missing, no old, refused',
    { ...alone, candidate: refused },
    ...(['nothing to boot', 'nothing', '-rejected N'] as const),
  ],
  ['missing, no old, not judged', alone, 'nothing to boot', 'nothing', '-new N'],
  [
    'missing, no old, flag, candidate',
    { ...alone, flag: true },
    'nothing to boot',
    'nothing',
    '-new N, flag',
  ],
  // A link in place of the current image.
  ['a link', { files: { old: 'O' }, booted: 'gone', currentIsLink: true }, 'unchanged', 'nothing', '-old O'],
  [
    'a link, accepted',
    { files: { new: 'N', old: 'O' }, currentIsLink: true, candidate: accepted() },
    ...(['unchanged', 'nothing', '-new N, -old O'] as const),
  ],
  // GRUB.
  ['not loaded by GRUB, confirmed', unreadable, 'fallback', 'mount O', 'C, -old O'],
  [
    'not loaded by GRUB, refused',
    { ...unreadable, files: ALL, candidate: refused },
    ...(['fallback', 'mount O', 'C, -old O, -rejected N'] as const),
  ],
  [
    'not loaded by GRUB, accepted: nobody has tried to load that one yet',
    { ...unreadable, files: ALL, candidate: accepted() },
    ...(['updated', 'restart N', 'N, -old O, -broken C'] as const),
  ],
  [
    'chosen in the menu',
    { ...confirmed, files: BOTH, booted: 'O', chosen: true },
    ...(['chosen', 'mount O', 'C, -old O'] as const),
  ],
  [
    'chosen in the menu, flag, candidate',
    { ...confirmed, files: ALL, booted: 'O', chosen: true, flag: true },
    ...(['chosen', 'mount O', 'C, -new N, -old O, flag'] as const),
  ],
  // Of the running system.
  [
    'stage',
    { ...confirmed, occasion: 'stage', files: ALL, candidate: accepted() },
    ...(['updated', '', 'N, -old C'] as const),
  ],
  [
    'stage, without a current image',
    { ...confirmed, occasion: 'stage', files: { new: 'N' }, candidate: accepted() },
    ...(['updated', '', 'N'] as const),
  ],
  [
    'stage on trial',
    onTrial(2, { occasion: 'stage', files: ALL, candidate: accepted() }),
    ...(['updated', '', 'N, -old O, -broken C'] as const),
  ],
  [
    'stage in the last boot of a trial, which goes on',
    onTrial(3, { occasion: 'stage', files: ALL, candidate: accepted() }),
    ...(['updated', '', 'N, -old O, -broken C'] as const),
  ],
  [
    'stage, refused',
    { ...confirmed, occasion: 'stage', files: ALL, candidate: refused },
    ...(['refused', '', 'C, -old O, -rejected N'] as const),
  ],
  ['revert', { ...confirmed, occasion: 'revert', files: BOTH }, 'reverted', '', 'O, -broken C'],
  [
    'revert, flag',
    { ...confirmed, occasion: 'revert', files: BOTH, flag: true },
    'reverted',
    '',
    'O, -broken C',
  ],
  [
    'revert, candidate',
    { ...confirmed, occasion: 'revert', files: ALL },
    'reverted',
    '',
    'O, -broken C, -held N',
  ],
  ['revert, no old', { ...confirmed, occasion: 'revert' }, 'nothing to revert to', '', 'C'],
  ['confirm', onTrial(1, { occasion: 'confirm' }), 'confirmed', '', 'C, -old O'],
  ['confirm in the last boot', onTrial(3, { occasion: 'confirm' }), 'confirmed', '', 'C, -old O'],
  ['confirm again', { ...confirmed, occasion: 'confirm', files: BOTH }, 'unchanged', '', 'C, -old O'],
  [
    'confirm, while another one runs',
    onTrial(1, { occasion: 'confirm', booted: 'O' }),
    'unchanged',
    '',
    'C, -old O',
  ],
  ['unhealthy', onTrial(1, { occasion: 'unhealthy' }), 'went back', '', 'O, -broken C'],
  ['unhealthy, in its last boot', onTrial(3, { occasion: 'unhealthy' }), 'went back', '', 'O, -broken C'],
  [
    'unhealthy, but confirmed',
    { ...confirmed, occasion: 'unhealthy', files: BOTH },
    'unchanged',
    '',
    'C, -old O',
  ],
  [
    'unhealthy, while another one was staged',
    onTrial(1, { occasion: 'unhealthy', booted: 'O' }),
    ...(['unchanged', '', 'C, -old O'] as const),
  ],
  [
    'unhealthy, no old',
    onTrial(1, { occasion: 'unhealthy', files: { current: 'C' } }),
    ...(['unchanged', '', 'C'] as const),
  ],
]

const boots = (observed: Observed, { boot }: Decision) =>
  boot === undefined ? (observed.occasion === 'boot' ? 'nothing' : '') : `${boot.how} ${boot.image}`

for (const [what, part, outcome, booted, files] of rows) {
  test(`${part.occasion ?? 'boot'}: ${what}`, () => {
    // What is left away in place of a default.
    const observed = 'ids' in part ? (part as Observed) : found(part)
    const decision = decide(observed)
    assert.equal(
      [decision.outcome, boots(observed, decision), shown(after(observed, decision))],
      [outcome, booted, files],
    )
  })
}

function* product(): Generator<Observed> {
  const records = [
    undefined,
    remembers({ confirmed: 'C' }),
    remembers({ confirmed: 'O' }),
    ...[0, 2, 3].map((count) =>
      remembers({ confirmed: 'O', trial: { image: 'C', boots: count, limit: LIMIT } }),
    ),
    remembers({ confirmed: 'C', bounces: BOUNCE_LIMIT }),
  ]
  const occasions = ['boot', 'stage', 'revert', 'confirm', 'unhealthy'] as const
  const twin = (id: string) => accepted({ image: { id, sha256: 'sum-x' } })
  const candidates = [
    ...['none', 'not judged', refused, accepted(), accepted({ kernel: 'same' })],
    ...[twin('c'), twin('o')],
  ]
  for (const occasion of occasions) {
    for (const record of records) {
      for (const current of ['C', undefined]) {
        for (const old of ['O', 'C', undefined]) {
          for (const candidate of candidates) {
            for (const flag of [false, true]) {
              for (const booted of ['C', 'O', 'gone', undefined] as const) {
                for (const loader of [undefined, 0, 1, 3]) {
                  for (const fallback of booted === 'O'
                    ? ([undefined, 'tries', 'unreadable'] as const)
                    : [undefined]) {
                    for (const passing of [undefined, 'C']) {
                      if (old === 'C' && current !== 'C') continue
                      const files = {
                        ...(current === undefined ? {} : { current }),
                        ...(old === undefined ? {} : { old }),
                        ...(candidate === 'none' ? {} : { new: 'N' }),
                      }
                      // Only what has a name can have been booted from it.
                      if (booted !== undefined && booted !== 'gone' && !Object.values(files).includes(booted))
                        continue
                      const judged = typeof candidate === 'object' && !flag
                      yield found({
                        ...{ occasion, files, flag, booted },
                        ...(record === undefined ? {} : { record }),
                        ...(judged ? { candidate } : {}),
                        ...(loader === undefined ? {} : { loader: { image: 'c', tries: loader } }),
                        ...(fallback === undefined ? {} : { fallback }),
                        ...(passing === undefined ? {} : { passing }),
                      } as Partial<Observed>)
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(freeze)
  }
  return value
}

/** Rules that hold for every combination; each names what it forbids. */
const RULES: Readonly<Record<string, (observed: Observed, decision: Decision) => boolean>> = {
  'there is a current image at every instant, once there is one': (observed, decision) => {
    const states = statesOf(observed, decision).map(({ names }) => names[NAMES.current] !== undefined)
    return states.every((there, i) => there || !states[i - 1])
  },
  'the last confirmed image keeps a name': (observed, decision) => {
    const kept = observed.record?.confirmed
    const { names } = statesOf(observed, decision)[0] as { names: Record<string, string> }
    if (kept === undefined || !Object.values(names).includes(kept)) return true
    // Until another one is, by a confirmation or a person's revert.
    return statesOf(observed, decision).every(
      (state) => Object.values(state.names).includes(kept) || state.record?.confirmed !== kept,
    )
  },
  'a flag is consumed by the boot that finds it': (observed, decision) =>
    observed.occasion !== 'boot' ||
    ['chosen', 'nothing to boot'].includes(decision.outcome) ||
    after(observed, decision).names[NAMES.flag] === undefined,
  'a candidate beside a flag is never taken': (observed, decision) =>
    !observed.flag || after(observed, decision).names[NAMES.current] !== 'N',
  'a refused candidate is never taken': (observed, decision) =>
    observed.candidate?.accepted !== false || after(observed, decision).names[NAMES.current] !== 'N',
  'an image that GRUB could not tell from the current one, or from the old one, is never taken': (
    observed,
    decision,
  ) => {
    const { candidate, files, ids, fallback } = observed
    if (candidate?.accepted !== true || after(observed, decision).names[NAMES.current] !== 'N') return true
    const places = fallback === 'unreadable' ? [files.old] : [files.current, files.old]
    return places.every((key) => key === undefined || ids[key] !== candidate.image.id)
  },
  'another kernel than the one that runs is never mounted': (observed, { boot }) => {
    if (boot?.how !== 'mount' || observed.booted === undefined) return true
    // Restarts have led nowhere: the hook looks whether there are modules for this kernel.
    if (observed.booted === 'gone' && (observed.record?.bounces ?? 0) >= BOUNCE_LIMIT) return true
    const fits = observed.candidate?.accepted && observed.candidate.kernel === 'same' && boot.image === 'N'
    return boot.image === observed.booted || fits === true || observed.sameKernel.includes(boot.image)
  },
  'what boots is what has that name': (observed, decision) =>
    decision.boot === undefined ||
    after(observed, decision).names[NAMES[decision.boot.role]] === decision.boot.image,
  'something boots when there is a current or an old image': (observed, decision) =>
    observed.occasion !== 'boot' ||
    (observed.files.current ?? observed.files.old) === undefined ||
    decision.boot !== undefined,
  'a candidate that is accepted boots when there is nothing else': (observed, decision) =>
    observed.occasion !== 'boot' || observed.candidate?.accepted !== true || decision.boot !== undefined,
  'every change of names is settled in the end': (_observed, { actions }) =>
    actions.findLastIndex(({ do: what }) => what === 'settle') >=
    actions.findLastIndex(({ do: what }) => what === 'keep' || what === 'move'),
  'GRUB stops counting only when all is settled': (_observed, { actions }) =>
    actions.every((action, i) => {
      if (action.do !== 'loader' || action.trial !== undefined) return true
      const before = actions.slice(0, i)
      return (
        before.findLastIndex(({ do: what }) => what === 'keep' || what === 'move') <=
        before.findLastIndex(({ do: what }) => what === 'settle')
      )
    }),
  'the record counts up by one': (observed, { actions }) => {
    const seqs = actions.flatMap((action) => (action.do === 'record' ? [action.record.seq] : []))
    return [observed.record?.seq ?? 0, ...seqs].every(
      (seq, i, all) => i === 0 || seq === (all[i - 1] ?? 0) + 1,
    )
  },
  'an accepted candidate that nobody has started yet is not denied': (_observed, { actions }) =>
    actions.every(
      (action) =>
        action.do !== 'record' ||
        action.record.denied.every(({ digest }) => !['n', 'sum-n'].includes(digest)),
    ),
  'the same is decided again': (observed, decision) =>
    JSON.stringify(decide(structuredClone(observed))) === JSON.stringify(decision),
  'a host at rest changes nothing more': (observed, decision) => {
    if (observed.occasion !== 'boot' || decision.boot?.how !== 'mount') return true
    const next = nextBoot(observed, decision, { booted: decision.boot.image })
    if (standingOf(next).is === 'on trial' || standingOf(next).is === 'spent') return true
    if (next.files.new !== undefined || next.flag || next.booted !== next.files.current) return true
    const once = nextBoot(next, decide(next))
    return decide(once).actions.length === 0
  },
}

const EVERY = Array.from(product(), (observed) => [freeze(observed), decide(observed)] as const)

for (const [rule, holds] of Object.entries(RULES)) {
  test(`every combination: ${rule}`, () => {
    const broken = EVERY.find(([observed, decision]) => !holds(observed, decision))
    assert.is(JSON.stringify(broken, null, 1), undefined)
    assert.ok(EVERY.length > 10_000, `${EVERY.length}`)
  })
}

test('the rules find what is wrong', () => {
  const observed = found({ ...confirmed, files: ALL, candidate: accepted() })
  const decision = decide(observed)
  const wrong = (actions: Decision['actions'], more: Partial<Decision> = {}) => {
    const other = { ...decision, ...more, actions }
    return Object.entries(RULES).flatMap(([rule, holds]) => (holds(observed, other) ? [] : [rule]))
  }
  assert.equal(wrong(decision.actions), [])
  const moved = decision.actions.map((action) =>
    action.do === 'keep' ? ({ do: 'move', from: 'current', to: 'old' } as const) : action,
  )
  assert.ok(wrong(moved).includes('there is a current image at every instant, once there is one'))
  const unkept = decision.actions.filter((action) => action.do !== 'keep')
  assert.ok(wrong(unkept).includes('the last confirmed image keeps a name'))
  const unsettled = decision.actions.filter((action) => action.do !== 'settle')
  assert.ok(wrong(unsettled).includes('every change of names is settled in the end'))
  const twin = { ...observed, ids: { ...observed.ids, O: 'n' } }
  const [rule, holds] = Object.entries(RULES).find(([name]) => name.includes('could not tell')) ?? []
  assert.is(holds?.(twin, decision), false, rule)
  const mounted = wrong(decision.actions, { boot: { image: 'N', role: 'current', how: 'mount' } })
  assert.ok(mounted.includes('another kernel than the one that runs is never mounted'))
})

test('a candidate is adopted when there is nothing else, whenever the power goes', () => {
  for (const kernel of ['same', 'other'] as const) {
    const observed = found({ ...alone, candidate: accepted({ kernel }) })
    const decision = decide(observed)
    const states = statesOf(observed, decision)
    assert.ok(states.length > 4)
    for (const { names, record, loader } of states) {
      // GRUB finds it as soon as it has the name, and counts its boots by then.
      if (names[NAMES.current] === 'N') assert.is(loader?.image, 'n')
      const files = names[NAMES.current] === 'N' ? { current: 'N' } : { new: 'N' }
      const { candidate, booted: _was, ...rest } = observed
      const again = decide({
        ...{ ...rest, files },
        ...(record === undefined ? {} : { record }),
        ...(loader === undefined ? {} : { loader }),
        ...('current' in files ? { booted: 'N' } : { booted: 'gone', candidate: candidate as never }),
      })
      assert.is(again.boot?.image, 'N', JSON.stringify(names))
      assert.ok(['updated', 'on trial'].includes(again.outcome), again.outcome)
    }
  }
})

const PAGE = new URL('../../docs/root-images.md', import.meta.url)

for (const [name, table] of [
  ['boots', describeBoots],
  ['requests', describeRequests],
] as const) {
  // WRITE_DOCS=1 node test/unit/root-decide.test.ts writes the tables anew.
  test(`the table of ${name} in the documentation is what the code does`, () => {
    const page = readFileSync(PAGE, 'utf8')
    const [start, end] = [`<!-- ${name} -->\n\n`, `\n\n<!-- end of ${name} -->`]
    const from = page.indexOf(start) + start.length
    const to = page.indexOf(end)
    assert.ok(from >= start.length && to > from, 'the page has the markers')
    if (process.env.WRITE_DOCS === '1') {
      writeFileSync(PAGE, page.slice(0, from) + table() + page.slice(to))
      return
    }
    assert.is(page.slice(from, to), table(), 'WRITE_DOCS=1 node test/unit/root-decide.test.ts writes it anew')
  })
}

test.run()
