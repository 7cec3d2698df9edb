import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { type Act, actsOf } from '../../src/root/acts.ts'
import { apply, type RootPort } from '../../src/root/apply.ts'
import { decide } from '../../src/root/decide.ts'
import { BOUNCE_LIMIT } from '../../src/root/go-on.ts'
import { imageNames } from '../../src/root/names.ts'
import { readRootWords } from '../../src/root/observe/words.ts'
import { DENIED_KEPT, type ImageFacts } from '../../src/root/record.ts'
import { formatRecord } from '../../src/root/record-file.ts'
import type { Action, Observed } from '../../src/root/schema.ts'
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

// What goes wrong with root images in files, as other systems of the kind have it or had it; each test says that it does
// not here.

const CONFIRMED = found({ record: remembers({ confirmed: 'C' }), files: { current: 'C', old: 'O' } })
const UPDATE = found({
  record: remembers({ confirmed: 'C' }),
  files: { current: 'C', old: 'O', new: 'N' },
  candidate: accepted(),
})
const REVERT = { ...CONFIRMED, flag: true }
const trialOf = (image: string, boots: number) => ({ image, boots, limit: LIMIT })
const TRIAL = found({
  record: remembers({ confirmed: 'O', trial: trialOf('C', 0), images: { C: { id: 'c', sha256: 'sum-c' } } }),
  files: { current: 'C', old: 'O' },
})
const actsFor = (observed: Observed): Act[] =>
  decide(observed).actions.flatMap((action) => actsOf(action, NAMES))
const saidBy = (observed: Observed) => decide(observed).messages.map(({ text }) => text)

/** A port that notes its calls, and fails at the given one. */
function port(fails: (call: string) => Error | undefined = () => undefined, settles = true) {
  const calls: string[] = []
  const call = async (text: string) => {
    calls.push(text)
    const error = fails(text)
    if (error !== undefined) throw error
  }
  const all: RootPort = {
    link: (from, to) => call(`link ${from} ${to}`),
    async rename(from, to, { optional }) {
      await call(`rename ${from} ${to}${optional ? ' if there' : ''}`)
      return true
    },
    unlink: (path) => call(`unlink ${path}`),
    create: (path) => call(`create ${path}`),
    writeText: (path) => call(`text ${path}`),
    end: async () => {},
    sync: () => call('sync'),
    writeRecord: () => call('record'),
    writeLoader: (trial) => call(`loader ${trial?.tries ?? 'none'}`),
    settle: async () => {
      await call('settle')
      return settles
    },
  }
  return { port: all, calls }
}
const readOnly = Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' })

// Atomicity.

test('no gap between two moves: an update and a revert leave a current image after each call', () => {
  for (const observed of [UPDATE, REVERT, { ...TRIAL, flag: true }]) {
    const states = statesOf(observed, decide(observed))
    assert.ok(states.length > 5)
    for (const { names } of states) assert.ok(names[NAMES.current])
  }
})

test('GRUB finds the way back before it finds the new image, and counts until it finds that', () => {
  const acts = actsFor(UPDATE).map((act) => ('to' in act ? `${act.act} ${act.to}` : act.act))
  const at = (what: string) => acts.indexOf(what)
  assert.ok(at('loader') < at(`rename ${NAMES.old}`), 'counts first')
  assert.ok(at(`rename ${NAMES.old}`) < at('settle') && at('settle') < at(`rename ${NAMES.current}`))
  assert.is(acts.filter((act) => act === 'settle').length, 2)
})

test('a hostpart that cannot be frozen: GRUB goes on counting, as it may still see the names of before', async () => {
  const { actions } = decide({ ...TRIAL, occasion: 'unhealthy', loader: { image: 'c', tries: 2 } })
  const frozen = port()
  await apply(actions, NAMES, frozen.port)
  assert.ok(frozen.calls.includes('loader none'))
  const unfrozen = port(undefined, false)
  await apply(actions, NAMES, unfrozen.port)
  assert.equal(
    unfrozen.calls.filter((call) => call.startsWith('loader')),
    ['loader 0'],
  )
})

test('a candidate that is not whole is set aside with its reason, and the host boots what it had', () => {
  const observed = { ...UPDATE, candidate: refused }
  const decision = decide(observed)
  assert.equal(decision.boot, { image: 'C', role: 'current', how: 'mount' })
  assert.is(shown(after(observed, decision)), 'C, -old O, -rejected N')
  assert.ok(decision.actions.some((action) => action.do === 'reason' && action.text === refused.reason))
})

test('every name that was changed is synced before the next thing is done', () => {
  for (const observed of [UPDATE, REVERT]) {
    const acts = actsFor(observed).filter((act) => !('from' in act && act.from.includes('.img.json')))
    acts.forEach((act, i) => {
      const next = acts[i + 1]
      if (act.act === 'rename') assert.ok(next?.act === 'sync' || next?.act === 'unlink', JSON.stringify(act))
    })
  }
})

test('a hostpart that turns read-only: the first call that fails ends it, and nothing is claimed', async () => {
  const { actions } = decide(UPDATE)
  const failing = port((call) => (call.startsWith('link') ? readOnly : undefined))
  const error = await apply(actions, NAMES, failing.port).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.is(error, readOnly)
  assert.is(failing.calls.at(-1), `link ${NAMES.current} ${NAMES.passing}`)
})

test('GRUB that could not save its count: the initramfs counts, and gives GRUB the right count', () => {
  assert.is(readRootWords('speediso.image=c speediso.tries=unsaved').tries, undefined)
  const decision = decide(TRIAL)
  assert.is(decision.outcome, 'on trial')
  assert.equal(after(TRIAL, decision).loader, { image: 'c', tries: LIMIT - 1 })
})

// Selection.

test('two updates, the first never confirmed: the last confirmed image stays the way back', () => {
  const first = decide(UPDATE)
  const again = nextBoot(UPDATE, first, {
    ...{ occasion: 'stage', booted: 'C', candidate: accepted({ image: { id: 'm' } }) },
    files: { current: 'N', old: 'C', new: 'M' },
  })
  const second = decide(again)
  assert.is(shown(after(again, second)), 'M, -old C, -broken N')
  assert.is(after(again, second).record?.confirmed, 'C')
})

test('an image that never had to prove itself is nowhere called confirmed', () => {
  const O = { id: 'o', sha256: 'sum-o' }
  const failed = (old: ImageFacts) =>
    saidBy({
      ...TRIAL,
      record: remembers({ confirmed: 'O', trial: trialOf('C', 3), images: { O: old, C: { id: 'c' } } }),
    })
  const time = '2026-11-20T10:00:00.000Z'
  assert.equal(failed(O), [
    'back to the image of before, which never had to prove itself: not confirmed in 3 boots',
  ])
  assert.equal(failed({ ...O, confirmedAt: time }), [
    'back to the last confirmed image: not confirmed in 3 boots',
  ])

  const asked = { ...TRIAL, occasion: 'confirm', booted: 'C', time } as const
  assert.is(after(asked, decide(asked)).record?.images.C?.confirmedAt, time)
  // Also where nobody remembers it, and GRUB alone counts.
  const { record: _record, ...unknown } = asked
  const counted = { ...unknown, loader: { image: 'c', tries: 2 }, facts: { C: { id: 'c' } } }
  assert.is(after(counted, decide(counted)).record?.images.C?.confirmedAt, time)
  const { trial: _, ...record } = TRIAL.record ?? remembers()
  const taken = { ...asked, record: { ...record, confirmed: 'C' } }
  assert.is(after(taken, decide(taken)).record?.images.C?.confirmedAt, undefined)
})

test('what a revert takes away stays as broken, and one that has failed its trial is also remembered', () => {
  const decision = decide({ ...TRIAL, record: { ...TRIAL.record, trial: trialOf('C', 3) } as never })
  const { names, record } = after(TRIAL, decision)
  assert.is(names[NAMES.broken], 'C')
  assert.equal(
    record?.denied.map(({ digest, reason }) => [digest, reason]),
    [['sum-c', 'not confirmed in 3 boots']],
  )
})

test('a stale revert flag is consumed: it does not undo the next update', () => {
  const stale = found({ record: remembers({ confirmed: 'C' }), flag: true })
  const decision = decide(stale)
  assert.is(decision.outcome, 'nothing to revert to')
  const next = nextBoot(stale, decision, { files: { current: 'C', new: 'N' }, candidate: accepted() })
  assert.not(next.flag)
  const updated = decide(next)
  assert.is(updated.outcome, 'updated')
  const boot = nextBoot(next, updated)
  assert.is(decide(boot).outcome, 'on trial')
  assert.is(shown(after(boot, decide(boot))), 'N, -old C')
})

test('both flag and candidate: the revert is done, and the candidate waits', () => {
  const both = { ...REVERT, files: { current: 'C', old: 'O', new: 'N' } } as Observed
  let observed = both
  let decision = decide(observed)
  assert.is(decision.outcome, 'reverted')
  for (let i = 0; i < 3; i += 1) {
    observed = nextBoot(observed, decision)
    decision = decide(observed)
    assert.is(shown(after(observed, decision)), 'O, -broken C, -held N')
  }
  // Cut at any call, it ends the same way.
  for (const [i, state] of statesOf(both, decide(both)).entries()) {
    const found_ = nextBoot(both, decide(both), {
      files: filesIn(state.names),
      flag: state.names[NAMES.flag] !== undefined,
      booted: 'O',
      ...(state.record === undefined ? {} : { record: state.record }),
      ...(state.names[NAMES.passing] === undefined ? {} : { passing: state.names[NAMES.passing] as string }),
    })
    assert.is(shown(after(found_, decide(found_))), 'O, -broken C, -held N', `cut ${i}`)
  }
})

function filesIn(names: Record<string, string>): Observed['files'] {
  const roles = ['current', 'new', 'old', 'broken', 'held', 'rejected'] as const
  return Object.fromEntries(
    roles.flatMap((role) => (names[NAMES[role]] === undefined ? [] : [[role, names[NAMES[role]]]])),
  )
}

test('an image that has failed is remembered by its digest, without one by its id, and so often as there is room', () => {
  const denied = (images: Record<string, { id: string; sha256?: string }>, before = 0) => {
    const others = Array.from({ length: before }, (_, i) => ({ digest: `d${i}`, reason: '', time: '' }))
    const record = remembers({ confirmed: 'O', trial: trialOf('C', 3), images, denied: others })
    const observed = { ...TRIAL, record }
    return after(observed, decide(observed)).record?.denied.map(({ digest }) => digest) ?? []
  }
  assert.equal(denied({ C: { id: 'c', sha256: 'sum' } }), ['sum'])
  assert.equal(denied({ C: { id: 'c' } }), ['c'])
  const many = denied({ C: { id: 'c' } }, DENIED_KEPT)
  assert.equal([many.length, many[0], many.at(-1)], [DENIED_KEPT, 'd1', 'c'])
})

// An image that is here already.

/** A candidate with this id and content. */
const candidate = (id: string, sha256?: string) =>
  accepted({ image: { id, ...(sha256 === undefined ? {} : { sha256 }) } })
const KNOWN: Record<string, ImageFacts> = {
  C: { id: 'c', sha256: 'sum-c' },
  O: { id: 'o', sha256: 'sum-o' },
}
const CALM = {
  ...UPDATE,
  record: remembers({ confirmed: 'C', images: KNOWN }),
}
const TRYING = { ...CALM, record: remembers({ confirmed: 'O', trial: trialOf('C', 1), images: KNOWN }) }
const refusal = (observed: Observed) => {
  const { outcome, actions } = decide(observed)
  const reason = actions.find((action) => action.do === 'reason')
  return reason?.do === 'reason' && outcome === 'refused' ? reason.text : outcome
}

test('the current image again is refused, and its trial goes on: a host that stages it in each boot gets out of it', () => {
  for (const occasion of ['boot', 'stage'] as const)
    assert.is(
      refusal({ ...CALM, occasion, candidate: candidate('c', 'sum-c') }),
      'it is the current image already',
    )
  let observed: Observed = {
    ...TRYING,
    files: { current: 'C', old: 'O', new: 'N1' },
    candidate: candidate('c', 'sum-c'),
  }
  const outcomes: string[] = []
  for (let i = 2; i < 6; i += 1) {
    const decision = decide(observed)
    outcomes.push(decision.outcome)
    observed = nextBoot(observed, decision)
    const files = { ...observed.files, new: `N${i}` }
    const again = { ...observed, occasion: 'stage', files, candidate: candidate('c', 'sum-c') } as const
    if (files.current === 'C') observed = nextBoot(again, decide(again))
  }
  assert.equal(outcomes, ['refused', 'on trial', 'went back', 'unchanged'])
  assert.is(observed.files.current, 'O')
})

test('a file that this host has gone back from is refused by what is remembered of it, without a manifest, too', () => {
  const images = { ...KNOWN, N: { id: 'n', sha256: 'sum-n' } }
  const denied = (digest: string) => [{ digest, reason: 'unhealthy', time: '2026-11-20T10:00:00Z' }]
  const with_ = (digest: string) => ({
    ...CALM,
    record: remembers({ confirmed: 'C', images, denied: denied(digest) }),
    candidate: candidate('n'),
  })
  for (const digest of ['sum-n', 'n'])
    assert.is(
      refusal(with_(digest)),
      'this host has gone back from this same file on 2026-11-20T10:00:00Z (unhealthy): put another one there',
    )
  for (const digest of ['sum-x', '']) assert.is(refusal(with_(digest)), 'updated')
  // Another image was copied over it.
  assert.is(refusal({ ...with_('sum-n'), candidate: candidate('x') }), 'updated')
})

test('another image with the id of the current or of the old one is refused, as is one that may be another', () => {
  const names_ = { c: 'current', o: 'old' } as const
  for (const observed of [CALM, TRYING])
    for (const [id, which] of Object.entries(names_))
      for (const sum of ['sum-x', undefined])
        assert.is(
          refusal({ ...observed, candidate: candidate(id, sum) }),
          `it has the id of the ${which} image (${id}), and is not proved to be the same: give it a new id (speediso root seal)`,
        )
  // Where nothing is known of the content of what is here.
  const record = remembers({ confirmed: 'C', images: { C: { id: 'c' } } })
  assert.match(refusal({ ...CALM, record, candidate: candidate('c', 'sum-c') }), /has the id of the current/)
  assert.is(refusal({ ...CALM, ids: {}, candidate: candidate('n', 'sum-n') }), 'updated')
})

test('the old image is taken again, but not while another one is on trial: that is a revert', () => {
  assert.is(refusal({ ...CALM, candidate: candidate('o', 'sum-o') }), 'updated')
  assert.is(
    refusal({ ...TRYING, candidate: candidate('o', 'sum-o') }),
    'it is the old image: speediso root revert goes back to that',
  )
})

test('an image without an id is refused for its content alone', () => {
  const ids = { C: '', O: '' }
  assert.is(refusal({ ...CALM, ids, candidate: candidate('', 'sum-x') }), 'updated')
  assert.match(refusal({ ...CALM, ids, candidate: candidate('', 'sum-c') }), /the current image already/)
})

test('a whole copy of what GRUB cannot load is taken, with its id', () => {
  const observed = {
    ...CALM,
    booted: 'O',
    fallback: 'unreadable',
    candidate: candidate('c', 'sum-c'),
  } as const
  const decision = decide(observed)
  assert.is(decision.outcome, 'updated')
  assert.is(shown(after(observed, decision)), 'N, -old O, -broken C')
})

test('what was reverted can be staged again, as itself and as another file of the same id', () => {
  const reverted = { ...CALM, record: remembers({ confirmed: 'O', images: KNOWN }), booted: 'O' }
  for (const files of [
    { current: 'O', new: 'C' },
    { current: 'O', new: 'N', broken: 'C' },
  ])
    assert.is(
      refusal({ ...reverted, occasion: 'stage', files, candidate: candidate('c', 'sum-c') }),
      'updated',
    )
})

test('two images with one id, put there by hand: GRUB counts none of them, which is said', () => {
  const ids = { C: 'x', O: 'x' }
  const begun = { ...TRIAL, ids, record: remembers({ confirmed: 'O', trial: trialOf('C', 0) }) }
  assert.is(after(begun, decide(begun)).loader, undefined)
  assert.match(saidBy(begun).join(), /have the same id, so GRUB counts no boots/)
  const counting = { ...begun, loader: { image: 'x', tries: 1 } }
  for (const observed of [
    { ...counting, occasion: 'unhealthy' },
    { ...counting, occasion: 'revert' },
  ] as const) {
    const acts = actsFor(observed)
    const stops = acts.findIndex((act) => act.act === 'loader' && act.trial === undefined)
    assert.ok(stops !== -1 && stops < acts.findIndex((act) => act.act === 'link'), observed.occasion)
    assert.not(acts.some((act) => act.act === 'loader' && act.trial !== undefined))
  }
})

test('texts of any length and kind: what is remembered has room', () => {
  for (const text of ['\u0001', '\u{1f600}', '漢', '"', 'x']) {
    const long = text.repeat(40_000)
    let observed: Observed = { ...TRIAL, occasion: 'unhealthy', why: long }
    for (let i = 0; i < DENIED_KEPT + 2; i += 1) {
      const record = remembers({
        ...{ confirmed: 'O', trial: trialOf('C', 0), denied: observed.record?.denied ?? [] },
        images: Object.fromEntries(
          ['C', 'O'].map((key) => [key, { id: 'i'.repeat(64), sha256: `${i}`.padStart(64), version: long }]),
        ),
      })
      const all = { ...observed, record } as Observed
      const told = decide(all).actions.flatMap((action) => (action.do === 'record' ? [action.record] : []))
      assert.ok(told.length > 0)
      for (const each of told) formatRecord(each)
      observed = { ...observed, record: told.at(-1) as never }
    }
    assert.is(observed.record?.denied.length, DENIED_KEPT)
  }
})

test('what GRUB said of this boot is not said of an image that was staged since', () => {
  // GRUB went back from B; its count of what is current now cannot be read.
  const observed = found({
    ...{ occasion: 'confirm', files: { current: 'N', old: 'O' }, booted: 'O', fallback: 'tries' },
    record: remembers({ confirmed: 'O', trial: trialOf('N', 0) }),
  })
  const decision = decide(observed)
  assert.equal(decision.actions, [])
  const staged = decide({
    ...observed,
    occasion: 'stage',
    candidate: refused,
    files: { ...observed.files, new: 'M' },
  })
  for (const action of staged.actions)
    if (action.do === 'record') assert.equal(action.record.trial, trialOf('N', 0))
  // Of the boot itself it is: there the image that is current is the one that GRUB went back from.
  const atBoot = { ...observed, occasion: 'boot', record: remembers({ confirmed: 'O' }) } as const
  assert.is(decide(atBoot).outcome, 'went back')
})

test('a missing current image is healed by the old one', () => {
  const observed = found({ files: { old: 'O' }, booted: 'O', fallback: 'unreadable' })
  const decision = decide(observed)
  assert.is(decision.outcome, 'healed')
  assert.is(shown(after(observed, decision)), 'O')
})

test('an image that never confirms goes back by itself after its boots, without anybody', () => {
  let observed = TRIAL
  const outcomes: string[] = []
  for (let i = 0; i < LIMIT + 2; i += 1) {
    const decision = decide(observed)
    outcomes.push(`${decision.outcome} ${decision.boot?.how} ${decision.boot?.image}`)
    observed = nextBoot(observed, decision)
  }
  assert.equal(outcomes, [
    ...Array.from({ length: LIMIT }, () => 'on trial mount C'),
    'went back restart O',
    'unchanged mount O',
  ])
})

test('a good reboot, or a power cut, in a trial takes one of several boots and not the trial', () => {
  assert.ok(readRootWords('').limit >= 3)
  const once = nextBoot(TRIAL, decide(TRIAL))
  const twice = nextBoot(once, decide(once))
  assert.is(decide(twice).outcome, 'on trial')
  const confirm = { ...twice, occasion: 'confirm' } as const
  assert.is(decide(confirm).outcome, 'confirmed')
})

test('everything is used up: there is a defined end, and it is said', () => {
  const { record } = TRIAL
  const alone = found({
    record: { ...record, trial: trialOf('C', 3) } as never,
    files: { current: 'C' },
    fallback: 'tries',
  })
  assert.equal(decide(alone).boot, { image: 'C', role: 'current', how: 'mount' })
  assert.match(saidBy(alone).join(), /no old image to go back to/)
  const nothing = found({ files: {}, booted: 'gone' })
  assert.is(decide(nothing).outcome, 'nothing to boot')
  assert.match(saidBy(nothing).join(), /no root image/)
})

// Kernel and root.

test('the modules of another kernel: what does not run is started by its own kernel', () => {
  assert.is(decide(UPDATE).boot?.how, 'restart')
  assert.is(decide({ ...UPDATE, candidate: accepted({ kernel: 'same' }) }).boot?.how, 'mount')
  assert.is(decide(REVERT).boot?.how, 'restart')
})

test('a kexec skips what GRUB counts: the initramfs counts that boot too', () => {
  const updated = decide(UPDATE)
  const { loader } = after(UPDATE, updated)
  assert.equal(loader, { image: 'n', tries: LIMIT })
  const byKexec = nextBoot(UPDATE, updated)
  const state = after(byKexec, decide(byKexec))
  assert.equal([state.record?.trial, state.loader], [trialOf('N', 1), { image: 'n', tries: LIMIT - 1 }])
})

test('a restart that does not lead into the image ends after a few times', () => {
  let observed = found({
    record: remembers({ confirmed: 'C' }),
    files: { current: 'C', old: 'O' },
    booted: 'O',
  })
  const seen: string[] = []
  for (let i = 0; i < BOUNCE_LIMIT + 2; i += 1) {
    const decision = decide(observed)
    seen.push(`${decision.boot?.how} ${decision.boot?.image}`)
    observed = nextBoot(observed, decision, { booted: 'O' })
  }
  assert.equal(seen, [...Array.from({ length: BOUNCE_LIMIT }, () => 'restart C'), 'mount O', 'mount O'])
})

test('a kernel whose image is not known here: no endless restarts either', () => {
  let observed: Observed = { ...CONFIRMED, booted: 'gone' }
  for (let i = 0; i < BOUNCE_LIMIT + 1; i += 1) {
    const decision = decide(observed)
    if (decision.boot?.how === 'mount') return
    observed = nextBoot(observed, decision, { booted: 'gone' })
  }
  assert.unreachable(
    `still restarts after ${BOUNCE_LIMIT + 1} times, as for a current image that was overwritten in place`,
  )
})

test('an image that has got damaged at rest: what GRUB can load boots, and the current one stays for a person to see', () => {
  const damaged = { ...CONFIRMED, booted: 'O', fallback: 'unreadable' } as const
  assert.equal(decide(damaged).boot, { image: 'O', role: 'old', how: 'mount' })
  assert.is(shown(after(damaged, decide(damaged))), 'C, -old O')
  assert.match(saidBy(damaged).join(), /it cannot be started/)
})

// State.

test('a clock that is wrong changes nothing but what is remembered of the time', () => {
  for (const observed of [UPDATE, REVERT, TRIAL, { ...TRIAL, occasion: 'unhealthy' } as const]) {
    const at = (time: string) => JSON.stringify(decide({ ...observed, time })).replaceAll(time, '')
    assert.is(at('1970-01-01T00:00:00.000Z'), at('2038-01-19T03:14:08.000Z'))
  }
})

test('a confirmation that comes while another image was staged says nothing of that one', () => {
  const staged = { ...UPDATE, occasion: 'stage' } as const
  const { record, loader } = after(staged, decide(staged))
  const late = found({
    ...{ occasion: 'confirm', files: { current: 'N', old: 'C' }, booted: 'C', record: record as never },
    ...(loader === undefined ? {} : { loader }),
  })
  const decision = decide(late)
  assert.equal([decision.outcome, decision.actions], ['unchanged', []])
  // And one that had looked before it was staged, and writes afterwards: the new one still has to prove itself.
  const lost = found({
    files: { current: 'N', old: 'C' },
    record: remembers({ seq: 9, confirmed: 'C' }),
    booted: 'C',
  })
  assert.is(standingOf(lost).is, 'on trial')
})

test('health that does not come goes back at once, and the image is not taken again', () => {
  const observed = { ...TRIAL, occasion: 'unhealthy', why: 'storage: no peers' } as const
  const decision = decide(observed)
  const { record, loader } = after(observed, decision)
  assert.is(decision.outcome, 'went back')
  assert.equal([record?.denied[0]?.digest, record?.denied[0]?.reason], ['sum-c', 'storage: no peers'])
  assert.equal([record?.confirmed, record?.trial, loader], ['O', undefined, undefined])
})

// Names.

test('names: the suffix stands before the last .img, and only there', () => {
  const of = (realRoot: string) => {
    const { new: next, old, flag, passing } = imageNames(realRoot)
    return [next, old, flag, passing]
  }
  const usual = ['hn-root-new.img', 'hn-root-old.img', 'system-revert', '.hn-root-passing.img']
  assert.equal(of('/hn-root.img'), usual)
  assert.equal(of('hn-root.img'), usual)
  assert.equal(of('//./hn-root.img'), usual)
  assert.equal(of('/x.img.d/hn.img'), [
    ...['x.img.d/hn-new.img', 'x.img.d/hn-old.img', 'system-revert', 'x.img.d/.hn-passing.img'],
  ])
  assert.is(imageNames('/a.img.img').new, 'a.img-new.img')
  assert.is(new Set(Object.values(imageNames())).size, Object.values(imageNames()).length)
})

test('names: without .img, above hostpart, or with characters of a shell they are refused', () => {
  assert.is(imageNames('/../../hn-root.img').current, 'hn-root.img', 'there is nothing above')
  for (const bad of ['/hn-root', '/.img', '/a b.img', '/$(x).img', '/a\n.img', '', '/', '/x.IMG']) {
    assert.throws(
      () => imageNames(bad),
      (error: unknown) => error instanceof InputError,
      bad,
    )
  }
})

test('what an interrupted swap has left is removed, unless it is the only name of an image', () => {
  const removed = (observed: Observed) =>
    decide(observed).actions.some((action: Action) => action.do === 'remove' && action.what === 'passing')
  assert.ok(removed({ ...CONFIRMED, passing: 'C' }))
  assert.not(removed({ ...CONFIRMED, passing: 'X' }))
})

test.run()
