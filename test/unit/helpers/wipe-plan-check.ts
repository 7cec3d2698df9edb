import type { Plan } from '../../../src/runtime/task.ts'
import type { TeardownAction } from '../../../src/system/block/stack/schema.ts'
import type { WipeOptions } from '../../../tasks/wipe/options.ts'
import type { DiskId, WipeDisk, WipeFacts, WipeKinds, WipeStep } from '../../../tasks/wipe/schema.ts'

const NETWORKED = ['fc', 'iscsi', 'nvme-fabrics', 'srp']

const sectorOf = ({ capabilities }: WipeDisk) =>
  capabilities.status === 'known' && capabilities.value.kind === 'scsi'
    ? capabilities.value.logicalBytes
    : 512

/** The paths of one disk: of a multipath device, or namespaces of the same drive and WWN. */
function pathsOf(facts: WipeFacts, disk: WipeDisk): WipeDisk[] {
  const joined = facts.stack.nodes.find(
    ({ dmRole, on }) => dmRole === 'multipath' && on.includes(disk.id.name),
  )
  return facts.disks.filter(({ id, drive }) => {
    const sameNamespace = drive === disk.drive && id.wwn !== undefined && id.wwn === disk.id.wwn
    return id.name === disk.id.name || sameNamespace || joined?.on.includes(id.name) === true
  })
}

/** Only the kinds of selectors that the machines of the tests are chosen by. */
function isMeant(
  options: WipeOptions['disks'],
  { id, virtual }: WipeDisk,
): { meant: boolean; named: boolean } {
  let meant = false
  let named = false
  for (const selector of options) {
    const byPath = selector.kind === 'path' && selector.value === id.path
    const bySerial = selector.kind === 'serial' && !virtual && selector.value === id.serial
    const byKind = selector.kind === 'transport' && !virtual && selector.value === id.transport
    if (byPath || bySerial) named = true
    if (byPath || bySerial || byKind || (selector.kind === 'all' && !virtual)) meant = true
  }
  return { meant, named }
}

/** Why nothing may be done to a disk, whatever the plan says. */
export function forbidden(facts: WipeFacts, options: WipeOptions, disk: WipeDisk): string | undefined {
  const { stack, shared } = facts
  const paths = pathsOf(facts, disk)
  const asked = paths.map((path) => isMeant(options.disks, path))
  if (!asked.some(({ meant }) => meant)) return 'not asked for'
  // What has the same WWN may be the same disk.
  const twins = facts.disks.filter(({ id }) => id.wwn !== undefined && id.wwn === disk.id.wwn)
  if ([...paths, ...twins].some((path) => isMeant(options.exclude, path).meant)) return 'excluded'
  for (const { id, disk: own } of paths) {
    if (stack.boot[id.name] !== undefined) return 'boot medium'
    if (stack.unreadable[id.name] !== undefined) return 'unreadable'
    if (shared[id.name] !== undefined && !asked.some(({ named }) => named)) return 'shared'
    if (own.readOnly.status !== 'known' || own.readOnly.value) return 'read-only'
  }
  if (disk.id.sizeBytes === 0 && sectorOf(disk) === 512) return 'no size'
  return undefined
}

function touched(step: WipeStep): DiskId[] {
  switch (step.kind) {
    case 'tear-down':
    case 'erase':
      return step.params.disks
    case 'restore-size':
    case 'reformat':
    case 'mark':
    case 'verify':
    case 'clear-signatures':
      return [step.params.disk]
    default:
      return []
  }
}

/** Names of what an action of a teardown works on. */
function nodesOf({ stack }: WipeFacts, action: TeardownAction): string[] {
  const { nodes, mounts, pools } = stack
  switch (action.act) {
    case 'unmount':
      return mounts.filter(({ mountPoint }) => mountPoint === action.mountPoint).flatMap(({ on }) => on)
    case 'export-zfs':
      return pools.filter(({ name }) => name === action.pool).flatMap(({ on }) => on)
    case 'stop-bcache':
      return [action.name]
    default:
      return nodes.filter(({ path }) => path === action.path).map(({ name }) => name)
  }
}

function disksUnder({ stack }: WipeFacts, names: readonly string[]): string[] {
  const seen = new Set(names)
  for (const name of seen) {
    for (const below of stack.nodes.find((node) => node.name === name)?.on ?? []) seen.add(below)
  }
  return stack.nodes.filter(({ name, kind }) => kind === 'disk' && seen.has(name)).map(({ name }) => name)
}

/** Everything that a plan of a wipe must not do, and must not leave out: one line each; none is right. */
export function faultsOf(facts: WipeFacts, options: WipeOptions, plan: Plan<WipeKinds>): string[] {
  const faults: string[] = []
  const { steps } = plan
  const ids = steps.map(({ id }) => id)
  if (new Set(ids).size < ids.length) faults.push('two steps of one id')
  const seen = new Set<string>()
  for (const { id, needs = [] } of steps) {
    for (const need of needs) if (!seen.has(need)) faults.push(`${id} needs ${need}, which is not above it`)
    seen.add(id)
  }
  if (steps[0]?.kind !== 'check-disks') faults.push('identities are not checked first')
  for (const step of steps.slice(1)) {
    if (!reaches(step, steps).has('check-disks')) faults.push(`${step.id} does not wait for the check`)
  }
  faults.push(...forbiddenSteps(facts, options, steps))
  faults.push(...methodFaults(facts, options, steps))
  faults.push(...coverage(facts, options, steps))
  return faults
}

/** Ids of all that a step waits for, directly or not. */
function reaches(step: WipeStep, steps: readonly WipeStep[]): Set<string> {
  const found = new Set(step.needs ?? [])
  for (const id of found)
    for (const need of steps.find((each) => each.id === id)?.needs ?? []) found.add(need)
  return found
}

function forbiddenSteps(facts: WipeFacts, options: WipeOptions, steps: readonly WipeStep[]): string[] {
  const faults: string[] = []
  const wiped = new Set<string>()
  for (const step of steps) {
    if (step.kind !== 'erase' && step.kind !== 'clear-signatures') continue
    for (const { name } of touched(step)) {
      const disk = facts.disks.find(({ id }) => id.name === name)
      if (disk !== undefined) for (const path of pathsOf(facts, disk)) wiped.add(path.id.name)
    }
  }
  for (const step of steps) {
    for (const id of touched(step)) {
      const disk = facts.disks.find((each) => each.id.name === id.name)
      if (disk === undefined) faults.push(`${step.id}: ${id.name} is no disk of this machine`)
      else if (JSON.stringify(disk.id) !== JSON.stringify(id))
        faults.push(`${step.id}: not who ${id.name} is`)
      const why = disk === undefined ? undefined : forbidden(facts, options, disk)
      if (why !== undefined) faults.push(`${step.id} touches ${id.name}: ${why}`)
    }
    if (step.kind !== 'tear-down') continue
    for (const action of step.params.actions) {
      for (const name of disksUnder(facts, nodesOf(facts, action))) {
        if (!wiped.has(name)) faults.push(`${step.id}: ${action.act} reaches ${name}, which is not wiped`)
        if (facts.stack.boot[name] !== undefined)
          faults.push(`${step.id}: ${action.act} reaches the boot medium`)
      }
    }
  }
  return faults
}

function methodFaults(facts: WipeFacts, options: WipeOptions, steps: readonly WipeStep[]): string[] {
  const faults: string[] = []
  for (const step of steps) {
    if (step.kind !== 'erase') continue
    const { choices, disks, drive, attach } = step.params
    const names = disks.map(({ name }) => name)
    const levels = new Set(choices.map(({ level }) => level))
    if (levels.size !== 1) faults.push(`${step.id}: ${levels.size} levels`)
    if (options.level === 'purge' && !levels.has('purge')) faults.push(`${step.id}: less than was demanded`)
    if (options.level === 'clear' && !attach && !levels.has('clear')) faults.push(`${step.id}: not clear`)
    for (const { method, scope } of choices) {
      if (!attach && !(options.methods as readonly string[]).includes(method))
        faults.push(`${step.id}: ${method} was not allowed`)
      if (/sanitize|format/.test(method) && method.startsWith('nvme') && scope === 'drive' && !attach) {
        for (const other of facts.disks) {
          if (other.drive !== drive || names.includes(other.id.name)) continue
          const path = pathsOf(facts, other).some(({ id }) => names.includes(id.name))
          if (!path) faults.push(`${step.id}: ${method} erases ${other.id.name} too`)
        }
      }
      if (method.startsWith('nvme-sanitize') && scope !== 'drive')
        faults.push(`${step.id}: a sanitize of one disk`)
      for (const { transport } of disks) {
        if (['usb', 'raid', 'virtio', ...NETWORKED].includes(transport) && method !== 'overwrite')
          faults.push(`${step.id}: ${method} by ${transport}`)
      }
      const zoned = facts.disks.some(({ id, zoned }) => names.includes(id.name) && zoned === 'host-managed')
      if (zoned && method === 'overwrite') faults.push(`${step.id}: overwrites zones`)
    }
    for (const { name } of disks) {
      const verify = steps.find((each) => each.kind === 'verify' && each.params.disk.name === name)
      if (verify?.kind !== 'verify' || !verify.needs?.includes(step.id)) {
        faults.push(`${name} is erased and not verified`)
        continue
      }
      if (verify.lane !== step.lane) faults.push(`${verify.id} is in another lane`)
      const { checks } = verify.params
      for (const { method } of choices) {
        if (checks[method] === undefined) faults.push(`nothing proves ${method} of ${name}`)
        else if (checks[method].mode === 'none' && checks[method].doubt === undefined)
          faults.push(`${name}: not verified, and no doubt`)
      }
    }
  }
  return faults
}

/** Each disk that is asked for has one fate, and what stands on it is taken apart before. */
function coverage(facts: WipeFacts, options: WipeOptions, steps: readonly WipeStep[]): string[] {
  const faults: string[] = []
  const check = steps[0]
  const left = check?.kind === 'check-disks' ? check.params.left.map(({ disk }) => disk.name) : []
  for (const disk of facts.disks) {
    const { name } = disk.id
    const erased = steps.filter(
      (step) =>
        (step.kind === 'erase' || step.kind === 'clear-signatures') &&
        touched(step).some((each) => each.name === name),
    )
    const refused = steps.filter((step) => step.kind === 'refuse' && step.params.disk.name === name)
    const fates = erased.length + refused.length + left.filter((each) => each === name).length
    const virtual = disk.virtual && !isMeant(options.disks, disk).meant
    const spared = disk.virtual && isMeant(options.exclude, disk).meant
    if (fates !== (virtual || spared ? 0 : 1)) faults.push(`${name} has ${fates} fates`)
    if (
      !disk.virtual &&
      check?.kind === 'check-disks' &&
      !check.params.disks.some((each) => each.name === name)
    )
      faults.push(`${name} is not checked`)
    for (const step of erased) {
      const upper = facts.stack.nodes.filter(
        (node) =>
          !['disk', 'partition', 'loop'].includes(node.kind) && disksUnder(facts, [node.name]).includes(name),
      )
      const mounted = facts.stack.mounts.some(({ on }) => disksUnder(facts, on).includes(name))
      if (upper.length === 0 && !mounted) continue
      const down = steps.find((each) => each.kind === 'tear-down' && step.needs?.includes(each.id))
      if (down === undefined) faults.push(`${step.id} does not wait for what stands on ${name} to be gone`)
    }
  }
  return faults
}
