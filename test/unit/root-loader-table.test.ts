import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  BOOT_ROWS,
  chooseBoot,
  describeBootTable,
  type LoaderChoice,
  type LoaderImage,
  type LoaderView,
} from '../../src/root/loader/table.ts'
import type { TrialCopies, TrialEnv } from '../../src/root/loader/trial-env.ts'

const on = (tries: number, image = 'new'): TrialEnv => ({ seq: 4, trial: { image, tries } })
const twice = (env: TrialEnv): TrialCopies => [env, env]
const yes: LoaderImage = { id: 'new', loads: true }
const no: LoaderImage = { id: 'new', loads: false }
const old: LoaderImage = { id: 'old', loads: true }

/** Left out: the file is not there. */
function view(copies: TrialCopies, current?: LoaderImage, previous?: LoaderImage, rescue = true): LoaderView {
  return {
    copies,
    ...(current === undefined ? {} : { current }),
    ...(previous === undefined ? {} : { old: previous }),
    rescue,
  }
}

const none = twice({ seq: 4 })
const cases: [what: string, view: LoaderView, want: Partial<LoaderChoice>][] = [
  ['ordinary', view(none, yes, old), { boots: 'current' }],
  ['no copies', view([undefined, undefined], yes, old), { boots: 'current' }],
  ['another one is on trial', view(twice(on(0, 'other')), yes, old), { boots: 'current' }],
  [
    'without an id it is never on trial',
    view(twice(on(0)), { id: '', loads: true }, old),
    { boots: 'current' },
  ],
  ['on trial', view(twice(on(3)), yes, old), { boots: 'current', tries: 2, saves: [on(2), on(2)] }],
  ['its last boot', view(twice(on(1)), yes, old), { boots: 'current', tries: 0, saves: [on(0), on(0)] }],
  [
    'the fewer tries count',
    view([on(3), on(1)], yes, old),
    { boots: 'current', tries: 0, saves: [on(0), on(0)] },
  ],
  [
    'one copy lost',
    view([undefined, on(3)], yes, old),
    { boots: 'current', tries: 2, saves: [on(2), on(2)] },
  ],
  ['used up', view(twice(on(0)), yes, old), { boots: 'old', fallback: 'tries' }],
  ['used up, no old', view(twice(on(0)), yes), { boots: 'rescue', fallback: 'tries' }],
  ['used up, old unreadable', view(twice(on(0)), yes, no), { boots: 'rescue', fallback: 'tries' }],
  [
    'used up, nothing else',
    view(twice(on(0)), yes, no, false),
    { boots: 'current', fallback: 'tries', tries: 0 },
  ],
  ['used up, nothing at all', view(twice(on(0)), no, no, false), { boots: 'nothing' }],
  ['missing', view(none, undefined, old), { boots: 'old', fallback: 'unreadable' }],
  ['unreadable', view(none, no, old), { boots: 'old', fallback: 'unreadable' }],
  ['unreadable on trial takes no try', view(twice(on(3)), no, old), { boots: 'old', fallback: 'unreadable' }],
  ['no image', view(none), { boots: 'rescue', fallback: 'unreadable' }],
  ['on trial, no image', view(twice(on(3)), no, no), { boots: 'rescue', fallback: 'unreadable' }],
  ['nothing', view(none, undefined, undefined, false), { boots: 'nothing' }],
]

for (const [what, given, want] of cases) {
  test(what, () => assert.equal(chooseBoot(given), { saves: undefined, ...want } as LoaderChoice))
}

test('every row is taken by some case', () => {
  const taken = new Set(
    cases.map(([, , { boots, fallback, saves }]) => `${boots} ${fallback} ${saves !== undefined}`),
  )
  for (const { boots, fallback, counts } of BOOT_ROWS) {
    assert.ok(taken.has(`${boots} ${fallback} ${counts === true}`), `${boots} ${fallback}`)
  }
})

test('in every state something is booted when anything can be', () => {
  const images = [undefined, yes, no, old, { id: '', loads: true }]
  const copies: TrialCopies[] = [none, [undefined, undefined], twice(on(0)), twice(on(1)), [on(9), undefined]]
  let seen = 0
  for (const pair of copies) {
    for (const current of images) {
      for (const previous of images) {
        for (const rescue of [true, false]) {
          seen += 1
          const any = current?.loads || previous?.loads || rescue
          const choice = chooseBoot(view(pair, current, previous, rescue))
          assert.is(choice.boots !== 'nothing', any === true)
          const loads = { current: current?.loads, old: previous?.loads, rescue, nothing: true }
          assert.ok(loads[choice.boots])
          // Boots are taken away one by one, and only for the image on trial.
          if (choice.saves !== undefined) {
            assert.is(choice.boots, 'current')
            assert.is(choice.saves[0].trial?.image, current?.id)
          }
        }
      }
    }
  }
  assert.is(seen, 250)
})

test('the table in the documentation is made from the rows', () => {
  const page = readFileSync(new URL('../../docs/root-loader.md', import.meta.url), 'utf8')
  assert.ok(page.includes(describeBootTable()), `docs/root-loader.md does not have\n${describeBootTable()}`)
})

test.run()
