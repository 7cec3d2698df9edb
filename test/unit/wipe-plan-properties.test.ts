import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import type { Plan } from '../../src/runtime/task.ts'
import { describeWipePlan } from '../../tasks/wipe/plan/describe.ts'
import { chooseMethods } from '../../tasks/wipe/plan/methods.ts'
import { type PlanTools, planWipe } from '../../tasks/wipe/plan/plan.ts'
import type { WipeKinds, WipeStep } from '../../tasks/wipe/schema.ts'
import { ata, disk, machine, node, nvme, optionsOf } from './helpers/wipe-machines.ts'
import { faultsOf, forbidden } from './helpers/wipe-plan-check.ts'
import { type Topology, topology } from './helpers/wipe-topologies.ts'

/** The plan, or undefined where what was asked means nothing. */
function attempt({ facts, options }: Topology, tools?: Partial<PlanTools>): Plan<WipeKinds> | undefined {
  try {
    return planWipe(facts, options, tools)
  } catch (error) {
    if (error instanceof InputError) return undefined
    throw error
  }
}

/** Whether the plan is right for this machine; what it must not do comes as an error. */
function holds(each: Topology, tools?: Partial<PlanTools>): void {
  const plan = attempt(each, tools)
  if (plan === undefined) {
    const asked = each.facts.disks.filter(
      (one) => !['not asked for', 'excluded'].includes(forbidden(each.facts, each.options, one) ?? ''),
    )
    const typo = each.options.disks.some(({ kind }) => kind === 'transport')
    if (!typo)
      assert.ok(
        asked.every(({ id }) => id.sizeBytes === 0),
        'an error, though disks are asked for',
      )
    return
  }
  assert.equal(faultsOf(each.facts, each.options, plan), [])
  assert.ok(plan.steps.some(({ kind }) => ['erase', 'clear-signatures', 'refuse'].includes(kind)))
}

test('no step on what is protected or not asked for, and every other disk is erased and verified, or refused', () => {
  fc.assert(
    fc.property(topology, (each) => holds(each)),
    { numRuns: 3000 },
  )
})

test('the machines of the tests are of all kinds: each fate and each way is met', () => {
  const met = new Map<string, number>()
  const count = (what: string) => met.set(what, (met.get(what) ?? 0) + 1)
  fc.assert(
    fc.property(topology, (each) => {
      const plan = attempt(each)
      if (plan === undefined) count('input error')
      for (const step of plan?.steps ?? []) {
        count(step.kind)
        if (step.kind !== 'erase') continue
        for (const { method, level } of step.params.choices) count(`${method} ${level}`)
        if (step.params.disks.length > 1) count('several disks')
        if (step.params.attach) count('attach')
      }
    }),
    { numRuns: 3000, seed: 7 },
  )
  const expected = [
    ...['input error', 'refuse', 'tear-down', 'restore-size', 'reformat', 'mark', 'erase', 'verify'],
    ...['clear-signatures', 'account', 'several disks', 'attach'],
    ...['nvme-sanitize-crypto purge', 'nvme-sanitize-overwrite purge', 'nvme-format-crypto possible purge'],
    ...['nvme-format-user-data clear', 'ata-sanitize-block purge', 'ata-security-erase-enhanced purge'],
    ...['ata-security-erase clear', 'scsi-sanitize-crypto purge', 'scsi-format clear', 'overwrite clear'],
  ]
  for (const what of expected) assert.ok((met.get(what) ?? 0) >= 5, `${what}: ${met.get(what) ?? 0}`)
})

test('the same facts and options give the same plan, and neither is changed', () => {
  fc.assert(
    fc.property(topology, (each) => {
      const before = JSON.stringify(each)
      const first = JSON.stringify(attempt(each))
      assert.is(JSON.stringify(attempt(structuredClone(each))), first)
      assert.is(JSON.stringify(attempt(each)), first)
      assert.is(JSON.stringify(each), before)
    }),
  )
})

test('every plan can be told in plain ASCII of at most 100 columns, and tells every disk', () => {
  fc.assert(
    fc.property(topology, (each) => {
      const plan = attempt(each)
      if (plan === undefined) return
      const lines = describeWipePlan(each.facts, plan)
      for (const line of lines) assert.ok(/^[\x20-\x7e]{0,100}$/.test(line), line)
      for (const { id, virtual } of each.facts.disks) {
        if (!virtual)
          assert.ok(
            lines.some((line) => line.trim().startsWith(`${id.path}  `)),
            id.path,
          )
      }
    }),
  )
})

/** Whether the property fails for tools with a defect. */
function isFound(tools: Partial<PlanTools>): boolean {
  return fc.check(
    fc.property(topology, (each) => holds(each, tools)),
    { numRuns: 3000 },
  ).failed
}

test('the property finds methods that forget the other namespaces of a drive', () => {
  assert.ok(isFound({ chooseMethods: ({ disks }, options) => chooseMethods({ disks, others: [] }, options) }))
})

test('the property finds methods that go below what was demanded', () => {
  assert.ok(
    isFound({ chooseMethods: (subject, options) => chooseMethods(subject, { ...options, level: 'clear' }) }),
  )
})

test('the property finds methods that mix levels', () => {
  assert.ok(
    isFound({
      chooseMethods: (subject, options) => {
        const methods = chooseMethods(subject, options)
        const last = { method: 'overwrite', level: 'clear', scope: 'disk' } as const
        return methods.refuse === undefined && !options.quick
          ? { ...methods, choices: [...methods.choices, last] }
          : methods
      },
    }),
  )
})

test('the property finds methods that trust a USB bridge', () => {
  assert.ok(
    isFound({
      chooseMethods: (subject, options) => {
        const [{ id, ...rest }] = subject.disks
        return chooseMethods({ ...subject, disks: [{ ...rest, id: { ...id, transport: 'sata' } }] }, options)
      },
    }),
  )
})

/** A machine with a bit of everything, for plans that are spoilt by hand. */
const namespaces = [1, 2].map((nsid) => ({ nsid, path: `/dev/nvme0n${nsid}` }))
const capabilities = nvme({ sanitize: ['crypto'], namespaces })
const everything: Topology = {
  facts: machine({
    disks: [
      disk('sda', { capabilities: ata({ sectors: { current: 1000 } }) }),
      disk('sdb'),
      disk('sdc'),
      disk('sdd', { readOnly: true }),
      disk('sde'),
      ...['nvme0n1', 'nvme0n2'].map((name) => disk(name, { transport: 'nvme', capabilities, drive: 'nqn' })),
    ],
    nodes: [
      node('md1', { kind: 'md', on: ['sda', 'sdb'], mounts: ['/data'] }),
      node('sdc1', { on: ['sdc'], mounts: ['/'] }),
    ],
    stack: { boot: { sdc: '/ is on sdc1' } },
  }),
  options: optionsOf({ exclude: 'path:/dev/sde' }),
}

type Spoil = (steps: WipeStep[]) => void

const find = <Kind extends WipeStep['kind']>(steps: WipeStep[], kind: Kind) => {
  const step = steps.find((each): each is Extract<WipeStep, { kind: Kind }> => each.kind === kind)
  if (step === undefined) throw new Error(`no ${kind}`)
  return step
}
const idOf = (name: string) => {
  const found = everything.facts.disks.find(({ id }) => id.name === name)
  if (found === undefined) throw new Error(`no ${name}`)
  return found.id
}
const drop = (steps: WipeStep[], kind: WipeStep['kind']) => {
  steps.splice(steps.indexOf(find(steps, kind)), 1)
}

const spoils: [what: string, spoil: Spoil, fault: string][] = [
  [
    'the boot medium is marked',
    (steps) => {
      find(steps, 'mark').params.disk = idOf('sdc')
    },
    'touches sdc: boot medium',
  ],
  [
    'an excluded disk is erased too',
    (steps) => {
      find(steps, 'erase').params.disks.push(idOf('sde'))
    },
    'touches sde: excluded',
  ],
  [
    'a read-only disk is verified',
    (steps) => {
      find(steps, 'verify').params.disk = idOf('sdd')
    },
    'touches sdd: read-only',
  ],
  [
    'another serial',
    (steps) => {
      find(steps, 'erase').params.disks[0] = { ...idOf('sda'), serial: 'OTHER' }
    },
    'not who sda is',
  ],
  [
    'the root file system is unmounted',
    (steps) => {
      find(steps, 'tear-down').params.actions.push({ act: 'unmount', mountPoint: '/' })
    },
    'unmount reaches sdc, which is not wiped',
  ],
  [
    'one of the partners is not wiped',
    (steps) => {
      drop(steps, 'erase')
    },
    'reaches sda, which is not wiped',
  ],
  [
    'nothing is verified',
    (steps) => {
      drop(steps, 'verify')
    },
    'erased and not verified',
  ],
  [
    'a disk is forgotten',
    (steps) => {
      drop(steps, 'refuse')
    },
    'has 0 fates',
  ],
  [
    'a disk is refused and erased',
    (steps) => {
      steps.push({ ...find(steps, 'refuse'), id: 'x', params: { disk: idOf('sda'), reason: '' } })
    },
    'sda has 2 fates',
  ],
  [
    'two steps of one id',
    (steps) => {
      find(steps, 'mark').id = find(steps, 'erase').id
    },
    'two steps of one id',
  ],
  [
    'the check comes last',
    (steps) => {
      const [check] = steps.splice(0, 1)
      if (check !== undefined) steps.push(check)
    },
    'identities are not checked first',
  ],
  [
    'a step waits for nothing',
    (steps) => {
      find(steps, 'mark').needs = []
    },
    'does not wait for the check',
  ],
  [
    'the array is not waited for',
    (steps) => {
      find(steps, 'erase').needs = ['check-disks']
    },
    'does not wait for what stands on sda',
  ],
  [
    'a method that nothing proves',
    (steps) => {
      find(steps, 'verify').params.checks = {}
    },
    'nothing proves',
  ],
  [
    'not verified, and called certain',
    (steps) => {
      const { checks } = find(steps, 'verify').params
      for (const check of Object.values(checks)) check.mode = 'none'
    },
    'not verified, and no doubt',
  ],
  [
    'levels are mixed',
    (steps) => {
      find(steps, 'erase').params.choices.push({
        method: 'overwrite',
        level: 'none',
        scope: 'disk',
        estimate: 1,
      })
    },
    '2 levels',
  ],
  [
    'one namespace by a sanitize',
    (steps) => {
      const sanitize = steps.find((step) => step.kind === 'erase' && step.params.disks.length > 1)
      if (sanitize?.kind === 'erase') sanitize.params.disks.pop()
    },
    'nvme-sanitize-crypto erases nvme0n2 too',
  ],
]

test('the checker has nothing against the plan as it is', () => {
  const { facts, options } = everything
  assert.equal(faultsOf(facts, options, planWipe(facts, options)), [])
})

for (const [what, spoil, fault] of spoils) {
  test(`the checker finds it: ${what}`, () => {
    const { facts, options } = everything
    const plan = structuredClone(planWipe(facts, options))
    spoil(plan.steps)
    const faults = faultsOf(facts, options, plan)
    assert.ok(
      faults.some((each) => each.includes(fault)),
      faults.join('; '),
    )
  })
}

test.run()
