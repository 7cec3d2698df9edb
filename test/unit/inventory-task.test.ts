import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Event } from '../../src/runtime/events.ts'
import { runTask } from '../../src/runtime/run-task.ts'
import type { Step } from '../../src/runtime/task.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { optionsSchema } from '../../tasks/inventory/options.ts'
import { type Inventory, inventorySchema, SECTIONS } from '../../tasks/inventory/schema.ts'
import { createInventory, inventory } from '../../tasks/inventory/task.ts'
import { MACHINES, type Machine, openMachine, openTree, unpackMachine } from './helpers/machine-tree.ts'
import { context as anyContext, recorder } from './helpers/tasks.ts'

const context = ({ root, exec }: Pick<Machine, 'root' | 'exec'>) => anyContext({ root, exec })

async function run(machine: Pick<Machine, 'root' | 'exec'>, sections = 'all', task = inventory) {
  const { events, emit } = recorder()
  const options = task.options.parse({ sections })
  const report = await runTask(task, { name: 'inventory', options, timeout: 60_000 }, context(machine), emit)
  return { report, events, document: inventorySchema.parse(report.result) }
}

const verdicts = ({ steps }: { steps: { id: string; verdict: string }[] }) =>
  Object.fromEntries(steps.map(({ id, verdict }) => [id, verdict]))

test('a server whose serials are set passes, every section with evidence', async () => {
  const { report, document } = await run(openMachine('qemu-bios-server'))
  assert.is(report.verdict, 'passed')
  assert.equal(document.missing, [])
  assert.equal(Object.keys(document.sections), [...SECTIONS])
  for (const { evidence } of report.steps) {
    assert.is(evidence.status, 'known')
    assert.type(evidence.milliseconds, 'number')
    assert.ok((evidence.sources as string[]).length > 0)
  }
})

test('the recording as real files gives the same document', async () => {
  const { dir, exec } = unpackMachine('qemu-bios-server')
  const real = await run({ root: createMachineRoot(dir), exec })
  const memory = await run(openMachine('qemu-bios-server'))
  assert.equal(real.document.sections, memory.document.sections)
})

test('what is missing makes its section unknown, and is named', async () => {
  const { report, document } = await run(openMachine('qemu-uefi-odd'))
  assert.is(report.verdict, 'unknown')
  assert.equal(
    document.missing.map(({ section, what }) => `${section}: ${what}`),
    ['system: serial and UUID', 'bios: version', 'disks: vda serial'],
  )
  const disks = report.steps.find(({ id }) => id === 'disks')
  assert.match(disks?.reason ?? '', 'vda serial (/sys/block/vda/serial is empty')
  assert.is(verdicts(report).network, 'passed')
})

test('a serial or a UUID is enough for the system', async () => {
  const uuid = { '/sys/firmware/dmi/tables': null, '/sys/class/dmi/id/product_serial': 'Default string' }
  const { report } = await run(openMachine('qemu-bios-server', { files: uuid }), 'system')
  assert.is(report.verdict, 'passed')
})

test('a machine without SMBIOS: what only SMBIOS says is unknown, never empty', async () => {
  const { report, document } = await run(openMachine('microvm-no-smbios'))
  const unknown = ['system', 'bios', 'board', 'chassis', 'bmc', 'memory']
  for (const { id, verdict } of report.steps)
    assert.is(verdict, unknown.includes(id) ? 'unknown' : 'passed', id)
  assert.is(document.sections.system?.status, 'unknown')
  assert.is(document.sections.memory?.status, 'known')
})

test('a machine of which nothing can be read: all unknown, nothing passed', async () => {
  const { report, document } = await run(openTree({}))
  for (const { id, verdict, reason } of report.steps) {
    assert.is(verdict, 'unknown', id)
    assert.ok(reason)
  }
  assert.is(document.missing.length, SECTIONS.length)
})

test('a slot reader of an empty card reader is no failure, a disk without serial is one', async () => {
  const at = '/sys/block/sde'
  const gone = { '/sys/devices/pci0000:00/0000:00:08.0/usb2/2-1/serial': null, '/run/udev/data/b8:64': null }
  const commands = { 'smartctl --json=c -i /dev/sde': null }
  const full = await run(openMachine('qemu-bios-server', { files: gone, commands }), 'disks')
  assert.equal(
    full.document.missing.map(({ what }) => what),
    ['sde serial'],
  )
  const empty = { ...gone, [`${at}/size`]: '0', [`${at}/removable`]: '1' }
  const { report } = await run(openMachine('qemu-bios-server', { files: empty, commands }), 'disks')
  assert.is(report.verdict, 'passed')
})

test('a storage controller without driver leaves the disks unknown', async () => {
  const files = { '/sys/bus/pci/devices/0000:00:05.0/driver': null }
  const { document } = await run(openMachine('qemu-bios-server', { files }), 'disks')
  assert.match(document.missing[0]?.reason ?? '', 'the storage controller has no driver')
})

test('a source that hangs costs its own section only', async () => {
  const machine = openMachine('qemu-bios-server')
  const hang = new Promise<never>(() => {})
  const readText: Machine['root']['readText'] = (path) =>
    path === '/sys/class/net/enp0s9/carrier' ? hang : machine.root.readText(path)
  const task = createInventory({ sectionLimit: 300 })
  const { report } = await run({ ...machine, root: { ...machine.root, readText } }, 'disks,network,cpu', task)
  assert.equal(verdicts(report), { cpu: 'passed', disks: 'passed', network: 'unknown' })
  assert.match(report.steps.at(-1)?.reason ?? '', 'one of its sources hangs: did not end within 0.3 s')
})

test('a program that ignores its end is left behind', async () => {
  const machine = openMachine('qemu-bios-server')
  const exec = () => new Promise<never>(() => {})
  const { report } = await run({ ...machine, exec }, 'network', createInventory({ sectionLimit: 100 }))
  assert.is(report.verdict, 'unknown')
})

test('a mistake in a reader fails the step instead of passing as unknown', async () => {
  const machine = openMachine('qemu-bios-server')
  const list = () => Promise.reject(new TypeError('oops'))
  const { report } = await run({ ...machine, root: { ...machine.root, readBytes: list as never } }, 'system')
  assert.is(report.verdict, 'failed')
  assert.match(report.reason ?? '', 'oops')
})

test('facts and plan: one step a section, each on its lane, saying what is not there', async () => {
  const facts = await inventory.readFacts(context(openMachine('microvm-no-smbios')))
  const { steps } = inventory.plan(facts, inventory.options.parse({ sections: 'network, disks' }))
  assert.equal(
    (steps as Step<string, { missing: string[] }>[]).map(({ id, kind, lane, params }) => [
      id,
      kind,
      lane,
      params.missing,
    ]),
    [
      ['disks', 'disks', 'disks', ['/run/udev/data', 'smartctl']],
      ['network', 'network', 'network', ['ethtool', 'ip']],
    ],
  )
  assert.equal(
    inventory.plan(facts, inventory.options.parse({})),
    inventory.plan(facts, inventory.options.parse({})),
  )
  assert.is(steps[0]?.title, 'Read the disks, without /run/udev/data, smartctl')
  assert.not.ok(inventory.destructive)
})

test('options: all by default, order of the document, plain messages', () => {
  assert.equal(optionsSchema.parse({}).sections, [...SECTIONS])
  assert.equal(optionsSchema.parse({ sections: 'Disks,cpu,disks' }).sections, ['cpu', 'disks'])
  for (const [sections, message] of [
    ['disk', '"disk" is not a section: give "all", or a comma list of system, bios'],
    ['', 'an empty name is not a section'],
    ['cpu,,dsk', 'an empty name, "dsk" is not a section'],
    ['all,disks', '"all" stands alone: give "all", or a comma list of system, bios'],
    ['all,dsk', '"dsk" is not a section'],
  ] as const) {
    const parsed = optionsSchema.safeParse({ sections })
    assert.match(parsed.error?.issues[0]?.message ?? '', message)
  }
})

test('the lines for people: ASCII, at most 100 columns, with serials, WWNs and unknowns', async () => {
  for (const name of MACHINES) {
    const { document } = await run(openMachine(name))
    const lines = inventory.describe?.(document) ?? []
    for (const line of lines) assert.ok(/^[\x20-\x7e]{0,100}$/.test(line), line)
  }
  const { document } = await run(openMachine('qemu-bios-server'))
  const text = (inventory.describe?.(document) ?? []).join('\n')
  for (const part of [
    'SYS7F3K2Q1',
    'NVME-SN-0001',
    '0x5000c500deadbee1',
    '52:54:00:aa:00:01',
    'DRAM0001',
    'KCS, IPMI 2.0',
  ]) {
    assert.ok(text.includes(part), part)
  }
  const odd: Inventory = (await run(openMachine('qemu-uefi-odd'))).document
  const lines = inventory.describe?.(odd) ?? []
  assert.ok(lines.indexOf('Unknown') > lines.findIndex((line) => line.startsWith('Disks')))
  assert.equal(inventory.describe?.({ some: 'thing' }), ['this is not an inventory document'])
})

test('figures are told as readings', async () => {
  const { events } = await run(openMachine('qemu-bios-server'), 'disks,memory')
  const readings = events.filter((event): event is Event & { kind: 'reading' } => event.kind === 'reading')
  const told = Object.fromEntries(readings.map((event) => [event.name, event.value]))
  assert.is(told['inventory.disks'], 8)
  assert.ok(Number(told['inventory.memory.total']) > 2 ** 30)
})

test('an unknown core value stands in the events once: in the reason of its step', async () => {
  const { events } = await run(openMachine('qemu-uefi-odd'), 'disks')
  const ends = events.filter((event): event is Event & { kind: 'step.end' } => event.kind === 'step.end')
  assert.match(ends[0]?.reason ?? '', /vda serial/)
  assert.not.ok(events.some((event) => event.kind === 'log'))
})

test.run()
