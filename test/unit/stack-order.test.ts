import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { planTeardown, type Standing } from '../../src/system/block/stack/plan-teardown.ts'
import type { BlockNode, StackMount, TeardownAction } from '../../src/system/block/stack/schema.ts'

const KINDS = ['md', 'crypt', 'lvm', 'multipath', 'dm', 'bcache', 'loop', 'partition'] as const

/** What the kernel would refuse, or do too late, if the action came now; undefined: it goes. Takes it away if it goes. */
function refuse(stack: Standing, action: TeardownAction): string | undefined {
  if (action.act === 'swapoff') {
    const node = stack.nodes.find(({ path, swap }) => path === action.path && swap)
    if (node !== undefined) node.swap = false
    const files = stack.swapFiles.filter(({ path }) => path !== action.path)
    const gone = node !== undefined || files.length < stack.swapFiles.length
    stack.swapFiles = files
    return gone ? undefined : 'no such swap'
  }
  if (action.act === 'unmount') {
    const { mountPoint } = action
    // The path leads into the topmost mount at each folder on the way.
    let at = stack.mounts.find((mount) => mount.mountPoint === '/')
    for (;;) {
      const here = at
      const next = stack.mounts
        .filter((mount) => mount.parent === here?.id && mount.id !== here?.id)
        .filter(({ mountPoint: dir }) => mountPoint === dir || mountPoint.startsWith(`${dir}/`))
        .sort((a, b) => a.mountPoint.length - b.mountPoint.length)[0]
      if (next === undefined) break
      at = next
    }
    if (at?.mountPoint !== mountPoint) return `${mountPoint} is not mounted there`
    const mount = at
    if (stack.mounts.some(({ parent }) => parent === mount.id)) return 'it has mounts on it'
    if (stack.mounts.some(({ uses }) => uses.includes(mount.id))) return 'an overlay uses it'
    const open = [
      ...stack.nodes.map(({ backingFile }) => backingFile),
      ...stack.swapFiles.map(({ path }) => path),
    ]
    if (open.some((path) => path?.endsWith(`/file of ${mount.id}`))) return 'a file on it is open'
    stack.mounts = stack.mounts.filter(({ id }) => id !== mount.id)
    return undefined
  }
  const node = stack.nodes.find((each) =>
    action.act === 'stop-bcache'
      ? each.name === action.name
      : 'path' in action && each.path === action.path && each.kind !== 'disk',
  )
  if (node === undefined) return 'no such device'
  const parts = stack.nodes.filter(({ kind, on }) => kind === 'partition' && on.includes(node.name))
  const names = [node.name, ...parts.map(({ name }) => name)]
  const users = stack.nodes.some(
    (each) => !parts.includes(each) && each.on.some((name) => names.includes(name)),
  )
  const mounted = stack.mounts.some(({ on }) => on.some((name) => names.includes(name)))
  const swap = stack.nodes.some(({ name, swap: used }) => used && names.includes(name))
  if (users || mounted || swap) return `${node.name} is in use`
  stack.nodes = stack.nodes.filter(({ name }) => !names.includes(name))
  return undefined
}

/** Every mount there lies on disks, and on none of these. */
function isForeign({ nodes, mounts }: Standing, mountPoint: string, disks: readonly string[]): boolean {
  const disksOf = (name: string): string[] =>
    name.startsWith('sd') ? [name] : (nodes.find((node) => node.name === name)?.on ?? []).flatMap(disksOf)
  const there = mounts.filter((mount) => mount.mountPoint === mountPoint)
  return there.every(({ on }) => {
    const below = on.flatMap(disksOf)
    return below.length > 0 && !below.some((name) => disks.includes(name))
  })
}

const drawn = fc.record({
  disks: fc.integer({ min: 1, max: 4 }),
  nodes: fc.array(
    fc.record({
      kind: fc.constantFrom(...KINDS),
      on: fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }),
      swap: fc.boolean(),
    }),
    { maxLength: 10 },
  ),
  mounts: fc.array(
    fc.record({
      on: fc.array(fc.nat(30), { maxLength: 2 }),
      below: fc.nat(30),
      place: fc.constantFrom('', '/a', '/b', '/a/c'),
      bind: fc.boolean(),
      uses: fc.array(fc.nat(30), { maxLength: 2 }),
    }),
    { maxLength: 8 },
  ),
  swapFiles: fc.array(fc.nat(30), { maxLength: 2 }),
  chosen: fc.integer({ min: 1, max: 15 }),
})

/** A stack as the kernel could have it: everything was put on something that was there before. */
function build({
  disks,
  nodes,
  mounts,
  swapFiles,
  chosen,
}: typeof drawn extends fc.Arbitrary<infer T> ? T : never) {
  const bare = { sizeBytes: 1, readOnly: false, mounts: [], signatures: [] }
  const stack: Standing = { nodes: [], mounts: [], swapFiles: [], pools: [], boot: {}, unreadable: {} }
  const add = (node: Omit<BlockNode, keyof typeof bare>) => stack.nodes.push({ ...bare, ...node })
  for (let i = 0; i < disks; i += 1) {
    add({ name: `sd${i}`, path: `/dev/sd${i}`, dev: `8:${i}`, kind: 'disk', on: [], swap: false })
  }
  const rootMount = { id: 1, parent: 0, dev: '0:1', mountPoint: '/', type: 'tmpfs', source: 'none' }
  const plain = { readOnly: false, on: [], uses: [], lost: [] }
  stack.mounts.push({ ...plain, ...rootMount })
  const pick = <T>(list: readonly T[], n: number): T => list[n % list.length] as T
  const whole = (n: number) =>
    pick(
      stack.nodes.filter(({ kind }) => kind !== 'partition'),
      n,
    ).name
  const placeOf = (mount: (typeof mounts)[number], index: number) => {
    const below = pick(stack.mounts, mount.below)
    const mountPoint = `${below.mountPoint === '/' ? '' : below.mountPoint}${mount.place}` || '/'
    // What is seen at that path: the kernel mounts on the topmost one.
    let parent = stack.mounts[0] as StackMount
    for (let next: StackMount | undefined = parent; next !== undefined; ) {
      parent = next
      const at = parent
      next = stack.mounts
        .filter((each) => each.parent === at.id)
        .filter(({ mountPoint: dir }) => mountPoint === dir || mountPoint.startsWith(`${dir}/`))
        .sort((a, b) => a.mountPoint.length - b.mountPoint.length)[0]
    }
    return { id: index + 2, parent: parent.id, mountPoint }
  }
  const order = Math.max(nodes.length, mounts.length)
  for (let i = 0; i < order; i += 1) {
    const node = nodes[i]
    if (node !== undefined) {
      const on = [...new Set(node.on.map((n) => pick(stack.nodes, n).name))]
      const name = `n${i}`
      const dm = ['crypt', 'lvm', 'multipath', 'dm'].includes(node.kind)
      const role = { crypt: 'crypt', lvm: 'lvm', multipath: 'multipath' }[node.kind as string] ?? 'other'
      const file = node.kind === 'loop' ? pick(stack.mounts, node.on[0] ?? 0) : undefined
      add({
        name,
        path: `/dev/${name}`,
        dev: `250:${i}`,
        kind: dm ? 'dm' : (node.kind as BlockNode['kind']),
        on: file !== undefined ? file.on : node.kind === 'partition' ? [whole(node.on[0] ?? 0)] : on,
        swap: node.swap,
        ...(dm ? { dmName: name, dmRole: role as 'crypt' } : {}),
        ...(file === undefined
          ? {}
          : { backingFile: `${file.mountPoint}/file of ${file.id}`, backingDev: file.dev }),
      })
    }
    const mount = mounts[i]
    if (mount === undefined) continue
    const at = placeOf(mount, i)
    if (at.mountPoint === '/') continue
    const same = mount.bind ? pick(stack.mounts, mount.below) : undefined
    const on = [...new Set(mount.on.map((n) => pick(stack.nodes, n).name))]
    const [device] = stack.nodes.filter(({ name }) => name === on[0])
    const own = { on, dev: on.length === 1 ? (device?.dev ?? '') : `0:${i + 10}`, type: 'ext4', source: 'x' }
    // Of two mounts of one file system in one place, nothing tells in which of them a file was opened.
    if (stack.mounts.some(({ dev, mountPoint }) => dev === (same ?? own).dev && mountPoint === at.mountPoint))
      continue
    const uses = on.length === 0 ? [...new Set(mount.uses.map((n) => pick(stack.mounts, n).id))] : []
    stack.mounts.push({
      ...plain,
      ...(same === undefined
        ? { ...own, uses }
        : { on: same.on, dev: same.dev, type: same.type, source: 'x' }),
      ...at,
    })
  }
  for (const [i, n] of swapFiles.entries()) {
    const { dev, mountPoint, id } = pick(stack.mounts, n)
    stack.swapFiles.push({ path: `${mountPoint}/swap ${i}/file of ${id}`, dev })
  }
  return {
    stack,
    disks: stack.nodes.slice(0, disks).flatMap(({ name }, i) => (chosen & (1 << i) ? [name] : [])),
  }
}

const options = { numRuns: 1500 }

test('whatever stands on the disks: each act comes when nothing stands on its object, and nothing is left', () => {
  let acts = 0
  let blocks = 0
  fc.assert(
    fc.property(drawn.map(build), ({ stack, disks }) => {
      const all = stack.nodes.filter(({ kind }) => kind === 'disk').map(({ name }) => name)
      const alone = planTeardown(stack, disks)
      const { actions, blocked } = planTeardown(stack, disks, all)
      assert.is(blocked, null)
      const foreign = actions.some(
        (action) => action.act === 'unmount' && isForeign(stack, action.mountPoint, disks),
      )
      if (foreign) assert.match(alone.blocked ?? '', 'would have to be unmounted first')
      if (alone.blocked === null) assert.equal(alone.actions, actions)
      else assert.equal(alone.actions, [])
      if (foreign) blocks += 1
      const machine = structuredClone(stack)
      for (const action of actions) {
        assert.is(refuse(machine, action), undefined, JSON.stringify(action))
        acts += 1
      }
      const left = planTeardown(machine, disks, all)
      assert.equal(left.actions, [], 'nothing stands on the disks afterwards')
      const used = machine.nodes.filter(({ kind }) => kind !== 'partition')
      assert.not.ok(used.some(({ on }) => on.some((name) => disks.includes(name))))
      assert.not.ok(machine.mounts.some(({ on }) => on.some((name) => disks.includes(name))))
    }),
    options,
  )
  assert.ok(acts > 1000, 'stacks were built and taken apart')
  assert.ok(blocks > 20, 'some of them had mounts of other disks in the way')
})

test('the other way round, and one act too few: the judge of this test sees it', () => {
  const refused = { backwards: 0, short: 0, long: 0 }
  fc.assert(
    fc.property(drawn.map(build), ({ stack, disks }) => {
      const { actions } = planTeardown(
        stack,
        disks,
        ['sd0', 'sd1', 'sd2', 'sd3'].slice(0, stack.nodes.length),
      )
      if (actions.length < 3) return
      refused.long += 1
      const machine = structuredClone(stack)
      if (actions.toReversed().some((action) => refuse(machine, action) !== undefined)) refused.backwards += 1
      const other = structuredClone(stack)
      if (actions.slice(1).some((action) => refuse(other, action) !== undefined)) refused.short += 1
    }),
    options,
  )
  assert.ok(refused.long > 100)
  assert.ok(refused.backwards > refused.long / 2, JSON.stringify(refused))
  assert.ok(refused.short > refused.long / 4, JSON.stringify(refused))
})

test.run()
