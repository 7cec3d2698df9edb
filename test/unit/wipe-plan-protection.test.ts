import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { planWipe } from '../../tasks/wipe/plan/plan.ts'
import type { WipeFacts } from '../../tasks/wipe/schema.ts'
import { ata, disk, machine, node, nvme, optionsOf } from './helpers/wipe-machines.ts'

const plan = (facts: WipeFacts, options: Record<string, string> = {}) => planWipe(facts, optionsOf(options))

/** Of each disk: `wiped`, or why it is refused or left alone. */
function fates(facts: WipeFacts, options: Record<string, string> = {}): Record<string, string> {
  const fates: Record<string, string> = {}
  const put = (name: string, fate: string) => {
    assert.is(fates[name], undefined, `${name} has two fates: ${fates[name]}, ${fate}`)
    fates[name] = fate
  }
  for (const step of plan(facts, options).steps) {
    if (step.kind === 'refuse')
      put(step.params.disk.name, `refused: ${step.params.reason}; ${step.params.hint ?? ''}`)
    if (step.kind === 'erase') for (const { name } of step.params.disks) put(name, 'wiped')
    if (step.kind === 'check-disks') {
      for (const left of step.params.left)
        put(left.disk.name, `left${left.excluded ? '' : ' unasked'}: ${left.reason}`)
    }
  }
  return fates
}

function expectFates(
  facts: WipeFacts,
  options: Record<string, string>,
  expected: Record<string, string>,
): void {
  const found = fates(facts, options)
  assert.equal(Object.keys(found).sort(), Object.keys(expected).sort())
  for (const [name, part] of Object.entries(expected)) {
    // Reasons speak of disks that are wiped, too.
    const is = part === 'wiped' ? found[name] === part : found[name]?.includes(part)
    assert.ok(is, `${name}: "${part}" is not in: ${found[name]}`)
  }
}

/** What the plan says that was asked wrongly. */
function wrong(facts: WipeFacts, options: Record<string, string>): string {
  try {
    plan(facts, options)
    return 'nothing is wrong'
  } catch (error) {
    assert.instance(error, InputError)
    return `${(error as InputError).message}; ${(error as InputError).hint}`
  }
}

const sda = disk('sda')
const sdb = disk('sdb')
const two = machine({ disks: [sda, sdb] })

test('every disk is wiped unless something else is said', () => {
  expectFates(two, {}, { sda: 'wiped', sdb: 'wiped' })
  expectFates(two, { disks: 'serial:SN-sda' }, { sda: 'wiped', sdb: 'left unasked: not among' })
  expectFates(
    two,
    { exclude: 'path:/dev/sda' },
    { sda: 'left: left out by speediso.wipe.exclude=path:/dev/sda', sdb: 'wiped' },
  )
  expectFates(two, { exclude: 'transport:nvme,size:<1G' }, { sda: 'wiped', sdb: 'wiped' })
})

test('a selector that means no disk is an error that says what there is, also beside one that does', () => {
  const rows: [Record<string, string>, string][] = [
    [
      { disks: 'serial:OTHER' },
      'means no disk of this machine; there are /dev/sda serial:SN-sda 1 TB, /dev/sdb',
    ],
    [{ disks: 'path:/dev/sda,serial:OTHER' }, 'speediso.wipe.disks=serial:OTHER means no disk'],
    [{ disks: 'transport:nvme' }, 'means no disk'],
    [{ exclude: 'serial:OTHER' }, 'speediso.wipe.exclude=serial:OTHER means no disk'],
    [{ exclude: 'model:OTHER*' }, 'means no disk'],
    [{ exclude: 'all' }, 'speediso.wipe.exclude leaves no disk to wipe'],
    [{ disks: 'path:/dev/sda', exclude: 'serial:SN-sda' }, 'speediso.wipe.exclude leaves no disk to wipe'],
  ]
  for (const [options, expected] of rows) assert.match(wrong(two, options), expected)
  assert.match(wrong(machine({ disks: [] }), {}), 'this machine shows no disk')
  assert.match(
    wrong(machine({ disks: [disk('sdz', { sizeBytes: 0, removable: true })] }), {}),
    'no disk is left to wipe',
  )
})

test('a partition is no disk: its disk is named', () => {
  const facts = machine({ disks: [sda], nodes: [node('sda1', { on: ['sda'] })] })
  assert.match(wrong(facts, { disks: '/dev/sda1' }), '/dev/sda1 is no whole disk: it stands on /dev/sda')
})

test('one serial of two disks means neither; of two namespaces of one drive it means both', () => {
  const same = machine({
    disks: [disk('sda', { serial: '0123456789' }), disk('sdb', { serial: '0123456789' })],
  })
  assert.match(wrong(same, { disks: 'serial:0123456789' }), 'means several disks: /dev/sda, /dev/sdb')
  expectFates(same, { disks: 'path:/dev/sdb' }, { sda: 'left unasked', sdb: 'wiped' })
  const namespaces = ['nvme0n1', 'nvme0n2'].map((name) =>
    disk(name, { transport: 'nvme', serial: 'S1', drive: 'nqn' }),
  )
  expectFates(machine({ disks: namespaces }), { disks: 'serial:S1' }, { nvme0n1: 'wiped', nvme0n2: 'wiped' })
})

test('the boot medium is never wiped, not even by name', () => {
  const facts = machine({ disks: [sda, sdb], stack: { boot: { sda: '/ is on sda2' } } })
  for (const options of [
    {},
    { disks: 'path:/dev/sda,path:/dev/sdb' },
    { quick: 'yes' } as Record<string, string>,
  ]) {
    const steps = plan(facts, options).steps
    const reasons = steps.flatMap((step) => (step.kind === 'refuse' ? [step.params] : []))
    assert.is(reasons.length, 1)
    assert.match(reasons[0]?.reason ?? '', 'this system runs from it: / is on sda2')
    assert.match(reasons[0]?.hint ?? '', 'exclude=path:/dev/sda')
  }
  expectFates(facts, { exclude: 'path:/dev/sda' }, { sda: 'left: ', sdb: 'wiped' })
})

test('what cannot be read counts as in use: the disk, a partition, what stands on it', () => {
  const why = 'not readable: EIO'
  const sda1 = node('sda1', { on: ['sda'] })
  const rows: [Parameters<typeof machine>[0], Record<string, string>][] = [
    [
      { disks: [sda, sdb], stack: { unreadable: { sda: why } } },
      { sda: why, sdb: 'wiped' },
    ],
    [
      { disks: [sda, sdb], nodes: [sda1], stack: { unreadable: { sda1: why } } },
      { sda: `sda1 cannot be read, so it may be in use: ${why}`, sdb: 'wiped' },
    ],
    [
      {
        disks: [sda, sdb],
        nodes: [sda1, node('dm-0', { kind: 'dm', on: ['sda1'] })],
        stack: { unreadable: { 'dm-0': why } },
      },
      { sda: 'dm-0 cannot be read', sdb: 'wiped' },
    ],
    // Nothing says for certain where a device without a place stands.
    [
      { disks: [disk('sda', { holders: ['md7'] }), sdb], stack: { unreadable: { md7: why } } },
      { sda: 'md7 cannot be read', sdb: 'md7: not readable' },
    ],
    [
      { disks: [disk('sda', { holders: 'EIO' }), sdb] },
      { sda: 'what stands on it is not known: EIO', sdb: 'wiped' },
    ],
    // The name of one disk is the beginning of another's.
    [
      {
        disks: [disk('sda'), disk('sdaa')],
        nodes: [node('sdaa1', { on: ['sdaa'] })],
        stack: { unreadable: { sdaa1: why } },
      },
      { sda: 'wiped', sdaa: 'sdaa1' },
    ],
  ]
  for (const [sketch, expected] of rows) expectFates(machine(sketch), {}, expected)
})

test('a disk that the stack does not have is not touched', () => {
  const facts = machine({ disks: [sda, sdb] })
  facts.stack.nodes = facts.stack.nodes.filter(({ name }) => name !== 'sda')
  expectFates(facts, {}, { sda: 'not in the list of block devices', sdb: 'wiped' })
})

test('where the root was not traced, whatever looks like a boot medium is none to wipe', () => {
  const untraced = ['/ lies on an overlay']
  const disks = [
    sda,
    disk('sdb', { removable: true }),
    disk('sdc'),
    disk('sdd', { removable: null }),
    disk('sde'),
  ]
  const nodes = [
    node('sdc1', { on: ['sdc'], mounts: ['/data'] }),
    node('sde1', { on: ['sde'], readOnly: true }),
  ]
  expectFates(
    machine({ disks, nodes, stack: { untraced } }),
    {},
    {
      sda: 'wiped',
      sdb: 'it is removable',
      sdc: 'it is mounted',
      sdd: 'it is removable',
      sde: 'it is read-only',
    },
  )
  expectFates(
    machine({ disks, nodes }),
    {},
    { sda: 'wiped', sdb: 'wiped', sdc: 'wiped', sdd: 'wiped', sde: 'wiped' },
  )
})

test('a disk of a network or a cluster only by name', () => {
  const lun = disk('sdc', { transport: 'fc', wwn: '0x600a098000000001', byPath: 'fc-1-lun-0' })
  const facts = machine({ disks: [sda, lun], shared: { sdc: 'it is attached by Fibre Channel' } })
  for (const disks of [
    'all',
    'transport:fc,path:/dev/sda',
    'model:*',
    'size:>1G',
    'by-path:fc-*,path:/dev/sda',
  ]) {
    expectFates(
      facts,
      { disks },
      { sda: 'wiped', sdc: 'other machines may use it: it is attached by Fibre Channel' },
    )
  }
  for (const name of [
    'serial:SN-sdc',
    'wwn:0x600a098000000001',
    '/dev/sdc',
    'by-path:fc-1-lun-0',
    'SN-sdc1',
  ]) {
    if (name === 'SN-sdc1') continue
    expectFates(facts, { disks: name }, { sda: 'left unasked', sdc: 'wiped' })
    expectFates(facts, { disks: `all,${name}` }, { sda: 'wiped', sdc: 'wiped' })
  }
})

test('a disk of a network gives no proof of what is behind it, and takes no erase command', () => {
  const lun = disk('nvme0n1', { transport: 'nvme-fabrics', capabilities: nvme({ sanitize: ['crypto'] }) })
  const { steps } = plan(machine({ disks: [lun], shared: { nvme0n1: 'NVMe over Fabrics' } }), {
    disks: '/dev/nvme0n1',
  })
  const verify = steps.find((step) => step.kind === 'verify')
  assert.equal(Object.keys(verify?.params.checks ?? {}), ['overwrite'])
  assert.match(verify?.params.checks.overwrite?.doubt ?? '', 'the drives behind it are not seen')
})

test('what takes no writes, or of which that is not known', () => {
  expectFates(
    machine({ disks: [disk('sda', { readOnly: true }), disk('sdb', { readOnly: null }), disk('sdc')] }),
    {},
    { sda: 'it is read-only', sdb: 'whether it takes writes is not known', sdc: 'wiped' },
  )
})

test('no medium, no size, no sector size', () => {
  const disks = [
    disk('sda', { sizeBytes: 0, removable: true }),
    disk('sdb', { sizeBytes: null }),
    disk('sdc', { sectorBytes: null }),
    disk('sdd', { sizeBytes: 1000 }),
    disk('sde'),
    disk('sdf', { sizeBytes: 0 }),
    disk('sdg', { sizeBytes: 0, removable: null }),
  ]
  expectFates(
    machine({ disks }),
    {},
    {
      sda: 'left: there is no medium in it',
      sdb: 'its size is not known',
      sdc: 'its sector size is not known',
      sdd: 'do not make up',
      sde: 'wiped',
      // A fixed drive without a size is broken: its data is still in it.
      sdf: 'it has no medium, or a size of 0',
      sdg: 'it has no medium, or a size of 0',
    },
  )
  // Whoever names an empty slot is told.
  expectFates(
    machine({ disks }),
    { disks: 'path:/dev/sda' },
    {
      sda: 'refused: it has no medium',
      ...Object.fromEntries(['sdb', 'sdc', 'sdd', 'sde', 'sdf', 'sdg'].map((name) => [name, 'left'])),
    },
  )
})

test('a loop device only by path, and never beside the disk of its file', () => {
  const loop = disk('loop0', { transport: 'other', virtual: true, serial: null })
  const facts = machine({
    disks: [sda, loop],
    nodes: [
      node('sda1', { on: ['sda'], mounts: ['/data'] }),
      node('loop0', { kind: 'loop', on: ['sda1'], backingFile: '/data/file', backingDev: 'n:sda1' }),
    ],
  })
  assert.equal(fates(facts, { exclude: 'path:/dev/sda', disks: 'all,path:/dev/loop0' }).loop0, 'wiped')
  assert.is(fates(facts, {}).loop0, undefined)
  const { steps } = plan(facts, { disks: 'path:/dev/loop0' })
  assert.equal(
    steps.map(({ id }) => id),
    ['check-disks', 'mark-loop0', 'erase-loop0', 'verify-loop0'],
  )
  assert.match(fates(facts, { disks: 'all,path:/dev/loop0' }).loop0 ?? '', 'its file lies on /dev/sda')
})

test('what stands on a disk is taken apart first, once for all disks of a stack', () => {
  const facts = machine({
    disks: [sda, sdb, disk('sdc')],
    nodes: [
      node('sda1', { on: ['sda'] }),
      node('sdb1', { on: ['sdb'] }),
      node('md127', { kind: 'md', on: ['sda1', 'sdb1'] }),
      node('dm-0', { kind: 'dm', dmRole: 'crypt', dmName: 'secret', on: ['md127'], mounts: ['/mnt'] }),
    ],
  })
  const { steps } = plan(facts)
  const down = steps.filter((step) => step.kind === 'tear-down')
  assert.is(down.length, 1)
  assert.equal(
    down[0]?.params.disks.map(({ name }) => name),
    ['sda', 'sdb'],
  )
  assert.equal(
    down[0]?.params.actions.map(({ act }) => act),
    ['unmount', 'close-crypt', 'stop-md'],
  )
  for (const step of steps.filter(({ kind }) => kind === 'erase' || kind === 'mark')) {
    const needs = step.id.endsWith('sdc') ? ['check-disks'] : ['check-disks', 'tear-down-sda']
    // A disk that hangs at its canaries is not written to any more.
    const marked = step.kind === 'erase' ? [step.id.replace('erase', 'mark')] : []
    assert.equal(step.needs, [...needs, ...marked], step.id)
  }
})

test('an array in use that reaches to a disk that stays is not stopped', () => {
  const nodes = [node('md127', { kind: 'md', on: ['sda', 'sdb'] })]
  const facts = machine({ disks: [sda, sdb, disk('sdc')], nodes })
  expectFates(
    facts,
    { exclude: '/dev/sdb' },
    {
      sda: 'md127 stands on it and on sdb, which is not to be wiped; stop md127 first',
      sdb: 'left',
      sdc: 'wiped',
    },
  )
  // One that is refused for another reason takes its partners along, and theirs.
  const chain = machine({
    disks: [disk('sda', { readOnly: true }), sdb, disk('sdc'), disk('sdd')],
    nodes: [
      node('md1', { kind: 'md', on: ['sda', 'sdb'] }),
      node('dm-1', { kind: 'dm', dmRole: 'lvm', dmName: 'vg-lv', on: ['sdb', 'sdc'] }),
    ],
  })
  expectFates(
    chain,
    {},
    { sda: 'read-only', sdb: 'md1 stands on it and on sda', sdc: 'which is not to be wiped', sdd: 'wiped' },
  )
})

test('only what is in use is refused, not a disk with an idle part of the same array', () => {
  const signature = { type: 'linux_raid_member', usage: 'raid', offset: 0, uuid: 'u-1' } as const
  const nodes = [
    ...['sda', 'sdb'].map((name) => node(name, { kind: 'disk', signatures: [signature] })),
    node('drbd0', { kind: 'other', on: ['sda'] }),
  ]
  expectFates(machine({ disks: [sda, sdb], nodes }), {}, { sda: 'drbd0 stands on it', sdb: 'wiped' })
})

test('an array that the boot medium is in stays whole', () => {
  const facts = machine({
    disks: [sda, sdb],
    nodes: [node('md0', { kind: 'md', on: ['sda', 'sdb'], mounts: ['/'] })],
    stack: { boot: { sda: '/ is on md0', sdb: '/ is on md0' } },
  })
  expectFates(facts, { disks: '/dev/sdb' }, { sda: 'left unasked', sdb: 'this system runs from it' })
})

test('a file system over several disks, in use', () => {
  const facts = machine({ disks: [sda, sdb], nodes: [node('sda', { kind: 'disk', mounts: ['/pool'] })] })
  for (const mount of facts.stack.mounts) mount.on.push('sdb')
  expectFates(
    facts,
    { disks: '/dev/sdb' },
    { sda: 'left', sdb: 'the file system at /pool stands on it and on sda' },
  )
  expectFates(facts, {}, { sda: 'wiped', sdb: 'wiped' })
})

test('members of an array that is not running are separate, with a note', () => {
  const signature = { type: 'linux_raid_member', usage: 'raid', offset: 0, uuid: 'u-1' } as const
  const nodes = ['sda', 'sdb'].map((name) => node(name, { kind: 'disk', signatures: [signature] }))
  const facts = machine({ disks: [sda, sdb], nodes })
  const { steps } = plan(facts, { disks: '/dev/sda' })
  const erase = steps.find((step) => step.kind === 'erase')
  assert.match(erase?.params.notes.join() ?? '', 'of which sdb has another')
})

test('what nobody knows to stop is in use', () => {
  const facts = machine({ disks: [sda, sdb], nodes: [node('drbd0', { kind: 'other', on: ['sda'] })] })
  expectFates(facts, {}, { sda: 'cannot be taken apart: drbd0 stands on it', sdb: 'wiped' })
})

const path = (name: string) => disk(name, { transport: 'sas', serial: 'SAS1', wwn: '0x5000c500aaaaaaaa' })
const multipath = (extra: Parameters<typeof machine>[0]['stack'] = {}) =>
  machine({
    disks: [path('sda'), path('sdb'), disk('sdc')],
    nodes: [node('dm-0', { kind: 'dm', dmRole: 'multipath', dmName: 'mpatha', on: ['sda', 'sdb'] })],
    stack: extra,
  })

test('one wipe for all paths of a multipath device', () => {
  expectFates(multipath(), {}, { sda: 'wiped', sdb: 'left: another path to /dev/sda', sdc: 'wiped' })
  expectFates(
    multipath(),
    { disks: '/dev/sdb' },
    { sda: 'left: another path to /dev/sdb', sdb: 'wiped', sdc: 'left' },
  )
  const down = plan(multipath()).steps.find((step) => step.kind === 'tear-down')
  assert.equal(down?.params.actions, [{ act: 'remove-dm', path: '/dev/dm-0', dmName: 'mpatha' }])
  // To leave one path alone is to leave the disk alone.
  expectFates(
    multipath(),
    { exclude: '/dev/sdb' },
    { sda: 'left: left out', sdb: 'left: left out', sdc: 'wiped' },
  )
  expectFates(
    multipath({ boot: { sdb: '/ is on it' } }),
    {},
    { sda: 'this system runs from it', sdb: 'left', sdc: 'wiped' },
  )
})

test('the same WWN without multipath: the second is not wiped beside it, nor what is in use there', () => {
  const disks = [path('sda'), path('sdb')]
  expectFates(machine({ disks }), {}, { sda: 'wiped', sdb: 'refused: it has the WWN of /dev/sda' })
  expectFates(
    machine({ disks }),
    { disks: '/dev/sda' },
    { sda: 'wiped', sdb: 'left: it has the WWN of /dev/sda' },
  )
  expectFates(
    machine({ disks, stack: { boot: { sdb: 'it is /' } } }),
    { disks: '/dev/sda' },
    { sda: 'runs from it', sdb: 'left' },
  )
  const used = machine({ disks, nodes: [node('sdb1', { on: ['sdb'], mounts: ['/data'] })] })
  expectFates(
    used,
    { disks: '/dev/sda' },
    { sda: 'sdb has the same WWN and may be the same disk, and sdb1 there is in use', sdb: 'left' },
  )
  const others = [path('sda'), disk('sdb', { wwn: '0x5000c500aaaaaaaa', serial: 'ANOTHER' })]
  expectFates(machine({ disks: others }), {}, { sda: 'wiped', sdb: 'wiped' })
})

test('an exclusion that goes by what cannot be read of a disk keeps it out', () => {
  const disks = [
    disk('sda', { model: null }),
    disk('sdb', { model: 'Keep 1' }),
    disk('sdc', { model: 'Wipe 1' }),
  ]
  expectFates(
    machine({ disks }),
    { exclude: 'model:Keep*' },
    {
      sda: 'refused: what speediso.wipe.exclude=model:Keep* goes by cannot be read',
      sdb: 'left',
      sdc: 'wiped',
    },
  )
})

test('a namespace that is refused keeps its drive from being sanitized', () => {
  const namespaces = [1, 2].map((nsid) => ({ nsid, path: `/dev/nvme0n${nsid}` }))
  const capabilities = nvme({ sanitize: ['crypto'], namespaces })
  const disks = ['nvme0n1', 'nvme0n2'].map((name) =>
    disk(name, { transport: 'nvme', capabilities, drive: 'nqn' }),
  )
  const methods = (facts: WipeFacts) =>
    plan(facts).steps.flatMap((step) => (step.kind === 'erase' ? [step.params.choices[0]?.method] : []))
  assert.equal(methods(machine({ disks })), ['nvme-sanitize-crypto'])
  assert.equal(methods(machine({ disks, stack: { boot: { nvme0n2: '/' } } })), ['nvme-format-user-data'])
})

test('what may not have been seen leaves a wipe of all disks unknown, one of some disks not', () => {
  const unseen = ['no driver for the storage controller at 0000:03:00.0']
  const facts = machine({ disks: [sda], unseen })
  assert.equal(plan(facts).steps.at(-1)?.params, { unseen })
  assert.not.ok(plan(facts, { disks: '/dev/sda' }).steps.some(({ kind }) => kind === 'account'))
  assert.not.ok(plan(two).steps.some(({ kind }) => kind === 'account'))
})

test('identities of every real disk are checked before anything else', () => {
  const facts = machine({ disks: [sda, disk('sdb', { readOnly: true }), disk('loop3', { virtual: true })] })
  const [check, ...rest] = plan(facts, { exclude: '/dev/sda' }).steps
  if (check?.kind !== 'check-disks') throw new Error('not checked first')
  assert.equal(
    check.params.disks.map(({ name }) => name),
    ['sda', 'sdb'],
  )
  for (const step of rest) assert.ok(step.kind === 'verify' || step.needs?.includes('check-disks'), step.id)
})

test('drives have lanes of their own', () => {
  const facts = machine({ disks: [disk('sda', { capabilities: ata() }), sdb] })
  const lanesOf = (name: string) =>
    new Set(plan(facts).steps.flatMap(({ id, lane }) => (id.endsWith(`-${name}`) ? [lane] : [])))
  assert.equal([lanesOf('sda').size, lanesOf('sdb').size], [1, 1])
  assert.is(lanesOf('sda').isDisjointFrom(lanesOf('sdb')), true)
})

test('a loop device is no way around what guards a disk', () => {
  const loop = (name: string, over: string) =>
    node(name, { kind: 'loop', on: [over], backingFile: `/dev/${over}` })
  const virtual = (name: string) => ({ ...disk(name), virtual: true })
  const fates = (nodes: Parameters<typeof node>[1], boot: Record<string, string> = {}) =>
    machine({
      disks: [disk('sda'), virtual('loop0')],
      nodes: [node('sda1', { kind: 'partition', on: ['sda'], ...nodes }), loop('loop0', 'sda1')],
      stack: { boot },
    })
  const only = { disks: 'path:/dev/loop0' }
  const left = 'left unasked: not among speediso.wipe.disks'
  expectFates(fates({ mounts: ['/srv'] }), only, {
    sda: left,
    loop0: 'it is a window on /dev/sda1, which is in use',
  })
  expectFates(fates({}, { sda: 'it carries /' }), only, { sda: left, loop0: 'it is a window on' })
  expectFates(fates({}), only, { sda: left, loop0: 'wiped' })
})

test('what is left out stays, also a loop device, by whatever it is left out', () => {
  const loop = { ...disk('loop0', { sizeBytes: 1_000_000_000 }), virtual: true }
  const facts = machine({ disks: [disk('sda', { sizeBytes: 2_000_000_000_000 }), loop] })
  for (const exclude of ['size:<2G', 'path:/dev/loop0'])
    assert.match(
      wrong(facts, { disks: 'path:/dev/loop0', exclude }),
      'speediso.wipe.exclude leaves no disk to wipe',
    )
  expectFates(
    facts,
    { disks: 'path:/dev/loop0', exclude: 'size:>1T' },
    { sda: 'left: left out by', loop0: 'wiped' },
  )
})

test.run()
