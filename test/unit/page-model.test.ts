import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { EVENTS, REPORT } from '../../src/live/page/model/addresses.ts'
import { backoff } from '../../src/live/page/model/backoff.ts'
import { summarize } from '../../src/live/page/model/inventory.ts'
import {
  inventoryOf,
  parseReport,
  reportFileName,
  type ShownReport,
} from '../../src/live/page/model/report.ts'
import { amount, count, duration, memorySize } from '../../src/live/page/model/units.ts'
import { EVENTS_PATH, REPORT_PATH } from '../../src/live/protocol.ts'
import { runTask } from '../../src/runtime/run-task.ts'
import { inventory } from '../../tasks/inventory/task.ts'
import { openMachine, openTree } from './helpers/machine-tree.ts'
import { context, recorder } from './helpers/tasks.ts'

async function inventoryReport(machine: ReturnType<typeof openTree>, sections = 'all') {
  const request = { name: 'inventory', options: inventory.options.parse({ sections }), timeout: 60_000 }
  return runTask(inventory, request, context(machine), recorder().emit)
}

test('bytes in decimal units, three digits', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [1500, '1.50 kB'],
    [999_999, '1.00 MB'],
    [3_840_755_982_336, '3.84 TB'],
    [2.31e9, '2.31 GB'],
    [123.4e6, '123 MB'],
  ]
  for (const [bytes, text] of cases) assert.is(amount(bytes, 'bytes'), text)
  assert.is(amount(71, '°C'), '71 °C')
  assert.is(memorySize(512 * 2 ** 30), '512 GiB')
})

test('durations in the two largest units', () => {
  const cases: [number, string][] = [
    [0.043, '0.04 s'],
    [9.5, '9.5 s'],
    [59.6, '1 min 00 s'],
    [760, '12 min 40 s'],
    [15_000, '4 h 10 min'],
    [90_000, '1 d 1 h'],
  ]
  for (const [seconds, text] of cases) assert.is(duration(seconds), text)
  assert.is(count(1, 'step'), '1 step')
  assert.is(count(12_345, 'event'), '12,345 events')
})

test('each try waits longer than the last could, to an end, and never as long as everybody else', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, chance) => {
        const wait = backoff(failures, () => chance)
        return wait >= 250 && wait <= 15_000
      },
    ),
  )
  assert.equal(
    [1, 2, 3].map((failures) => backoff(failures, () => 1)),
    [500, 1000, 2000],
  )
  assert.is.not(
    backoff(3, () => 0),
    backoff(3, () => 1),
  )
})

test('the addresses are those of the protocol', () => {
  assert.equal([EVENTS, REPORT], [EVENTS_PATH, REPORT_PATH])
})

test('the inventory of a server in a few lines', async () => {
  const report = await inventoryReport(openMachine('qemu-bios-server'))
  const rows = summarize(inventoryOf({ tasks: [report] } as unknown as ShownReport) as never)
  assert.equal(
    rows.map(({ label }) => label),
    ['System', 'Firmware', 'Processor', 'Memory', 'Disks', 'Network'],
  )
  const line = (wanted: string) => rows.find(({ label }) => label === wanted)?.lines[0]
  assert.is(line('System'), 'Acme Systems Rackmaster R740, serial SYS7F3K2Q1')
  assert.is(line('Memory'), '2 GiB installed, 1 of 1 slot filled, ECC multi-bit')
  assert.match(line('Disks') ?? '', /^1 × SAS 10K, 67.1 MB, scsi \(sda\)$/)
})

test('what could not be read is unknown with its reason, and what was not asked for is left out', async () => {
  const nothing = await inventoryReport(openTree({}), 'system,cpu')
  const rows = summarize(nothing.result as never)
  assert.equal(
    rows.map(({ label }) => label),
    ['System', 'Processor', 'Unknown'],
  )
  for (const { lines } of rows.slice(0, 2)) assert.match(lines[0] ?? '', /^unknown: .+/)
})

test('only a report is taken for one', () => {
  const report = {
    schema: 'speediso.report/1',
    tasks: [],
    host: { hostId: 'a/../b' },
    ended: '2026-11-21T03:00:00Z',
  }
  const parsed = parseReport(JSON.stringify(report))
  assert.equal(parsed, report)
  assert.is(parsed && inventoryOf(parsed), undefined)
  assert.is(parsed && reportFileName(parsed), 'speediso-report-a-..-b-2026-11-21T03-00-00Z.json')
  for (const text of ['', 'null', '[]', '<html>', '{"schema":"speediso.report/1"}', '{"tasks":[]}'])
    assert.is(parseReport(text), undefined, text)
})

test.run()
