import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readBmc } from '../../src/system/bmc.ts'
import { knownValue } from '../../src/system/finding.ts'
import { readMemory } from '../../src/system/memory/memory.ts'
import { readBios, readBoards, readChassis, readSystem } from '../../src/system/smbios/firmware.ts'
import {
  decodeBios,
  decodeBoard,
  decodeChassis,
  decodeIpmiDevice,
  decodeMemoryArray,
  decodeMemoryDevice,
  decodeProcessor,
  decodeSystem,
} from '../../src/system/smbios/structures.ts'
import { parseEntryPoint, parseSmbios } from '../../src/system/smbios/table.ts'
import { openMachine, openTree, readRecording } from './helpers/machine-tree.ts'
import { dmiFiles, END, entryPoint, memoryTables, structure } from './helpers/smbios-table.ts'

const DMI = '/sys/firmware/dmi/tables/DMI'
const ENTRY = '/sys/firmware/dmi/tables/smbios_entry_point'

function recorded(path: string): Buffer {
  const entry = readRecording('qemu-bios-server').files[path]
  return typeof entry === 'object' && 'base64' in entry
    ? Buffer.from(entry.base64, 'base64')
    : Buffer.alloc(0)
}

test('the fields that were given to the firmware come out', async () => {
  const { root } = openMachine('qemu-bios-server')
  const system = knownValue(await readSystem(root))
  assert.is(system && knownValue(system.manufacturer), 'Acme Systems')
  assert.is(system && knownValue(system.product), 'Rackmaster R740')
  assert.is(system && knownValue(system.serial), 'SYS7F3K2Q1')
  assert.is(system && knownValue(system.uuid), '4c4c4544-0046-3310-804b-b7c04f325131')
  assert.is(system && knownValue(system.sku), 'SKU-R740')
  const bios = knownValue(await readBios(root))
  assert.is(bios && knownValue(bios.version), '2.19.1')
  assert.is(bios && knownValue(bios.release), '5.27')
  assert.is(bios && knownValue(bios.smbios), '2.8')
  const [board] = knownValue(await readBoards(root)) ?? []
  assert.is(board && knownValue(board.serial), 'BRD.7F3K2Q1.CN')
  assert.is(board && knownValue(board.location), 'Slot 0')
  const [chassis] = knownValue(await readChassis(root)) ?? []
  assert.is(chassis && knownValue(chassis.assetTag), 'ASSET-00042')
  assert.is(chassis && knownValue(chassis.sku), 'CSKU')
  const bmc = knownValue(await readBmc(root))
  assert.is(bmc && knownValue(bmc.interface), 'KCS')
  assert.is(bmc && knownValue(bmc.specification), '2.0')
})

test('placeholders are unknown, with what was said', async () => {
  const { root } = openMachine('qemu-uefi-odd')
  const system = knownValue(await readSystem(root))
  assert.is(system?.serial.status, 'unknown')
  assert.is(system?.serial.status === 'unknown' && system.serial.raw, 'To Be Filled By O.E.M.')
  assert.is(system?.uuid.status === 'unknown' && system.uuid.raw, '03000200-0400-0500-0006-000700080009')
  const [board] = knownValue(await readBoards(root)) ?? []
  assert.is(board?.serial.status === 'unknown' && board.serial.raw, '0123456789')
  assert.is(board && knownValue(board.product), 'EPC612')
})

test('a table longer than a page of memory is read whole', async () => {
  const entry = readRecording('qemu-uefi-odd').files[DMI]
  const bytes = Buffer.from(typeof entry === 'object' && 'base64' in entry ? entry.base64 : '', 'base64')
  assert.ok(bytes.length > 4096)
  const table = parseSmbios(undefined, bytes)
  assert.is(table.structures.at(-1)?.type, 127)
  assert.equal(table.problems, ['no entry point'])
})

test('no SMBIOS at all is unknown, not absent', async () => {
  const { root } = openMachine('microvm-no-smbios')
  for (const read of [readSystem, readBios, readBoards, readChassis, readBmc]) {
    assert.is((await read(root)).status, 'unknown')
  }
})

test('a whole table without a structure proves that it is absent', async () => {
  const { root } = openTree({ files: dmiFiles(structure(1, 0x1b, 0x100, [[4, 1, 1]], ['Acme'])) })
  assert.is((await readBoards(root)).status, 'absent')
  assert.is((await readBmc(root)).status, 'absent')
  assert.is((await readSystem(root)).status, 'known')
})

test('a damaged table proves nothing', async () => {
  const files = dmiFiles(structure(1, 0x1b, 0x100, [[4, 1, 1]], ['Acme']))
  const table = Buffer.from(files[DMI]?.base64 ?? '', 'base64')
  const cut = { ...files, [DMI]: { base64: table.subarray(0, table.length - 6).toString('base64') } }
  const { root } = openTree({ files: cut })
  const boards = await readBoards(root)
  assert.is(boards.status, 'unknown')
  assert.match(boards.status === 'unknown' ? boards.reason : '', 'damaged')
})

test('a table that cannot be read is unknown with the error', async () => {
  const { root } = openMachine('qemu-bios-server', {
    files: { [DMI]: { error: 'EIO' }, '/sys/class/dmi': null },
  })
  const system = await readSystem(root)
  assert.is(system.status, 'unknown')
  assert.match(system.status === 'unknown' ? system.reason : '', 'EIO')
})

test('without the table, the kernel’s own copies serve', async () => {
  const { root } = openMachine('qemu-bios-server', { files: { '/sys/firmware/dmi': null } })
  const system = knownValue(await readSystem(root))
  assert.is(system && knownValue(system.serial), 'SYS7F3K2Q1')
  assert.equal(system?.serial.sources, ['/sys/class/dmi/id/product_serial'])
  assert.is(system && knownValue(system.uuid), '4c4c4544-0046-3310-804b-b7c04f325131')
})

test('empty slots, large modules, ECC and capacity', async () => {
  const dimms = [
    { locator: 'A1', size: 0x7fff, extended: 65536, serial: '8C2F1A00' },
    { locator: 'A2', size: 0 },
    { locator: 'B1', size: 16384, serial: '8C2F1A01' },
    { locator: 'B2', size: 0 },
  ]
  const { root } = openTree({
    files: { ...dmiFiles(memoryTables(6, dimms)), '/proc/meminfo': 'MemTotal: 80000000 kB' },
  })
  const memory = knownValue(await readMemory(root))
  assert.is(memory && knownValue(memory.installedBytes), 80 * 2 ** 30)
  assert.is(memory && knownValue(memory.ecc), 'multi-bit')
  assert.is(memory && knownValue(memory.maxCapacityBytes), 2 ** 40)
  const slots = (memory && knownValue(memory.slots)) ?? []
  assert.equal(
    slots.map((slot) => [knownValue(slot.locator), knownValue(slot.populated), knownValue(slot.serial)]),
    [
      ['A1', true, '8C2F1A00'],
      ['A2', false, undefined],
      ['B1', true, '8C2F1A01'],
      ['B2', false, undefined],
    ],
  )
  assert.is(slots[1]?.serial.status, 'absent')
  assert.is(slots[1]?.sizeBytes.status, 'absent')
  assert.equal(memory?.notes, ['2 modules run below their rated speed'])
})

test('a slot of unknown size leaves the sum unknown; fewer slots than announced are noted', async () => {
  const files = dmiFiles(memoryTables(2, [{ locator: 'A1', size: 0xffff }], 4))
  const memory = knownValue(
    await readMemory(openTree({ files: { ...files, '/proc/meminfo': 'MemTotal: 1 kB' } }).root),
  )
  assert.is(memory?.installedBytes.status, 'unknown')
  assert.is(memory?.ecc.status, 'unknown')
  assert.match(memory?.notes[0] ?? '', 'announce 4 slots, 1 are listed')
})

test('modules that are smaller than what the kernel uses: the kernel is believed', async () => {
  const files = dmiFiles(memoryTables(3, [{ locator: 'A1', size: 1024 }]))
  const memory = knownValue(
    await readMemory(openTree({ files: { ...files, '/proc/meminfo': 'MemTotal: 4194304 kB' } }).root),
  )
  assert.is(memory?.disagreements[0]?.taken.value, 2 ** 32)
  assert.is(memory?.disagreements[0]?.other.value, 2 ** 30)
})

test('memory without SMBIOS: the total is known, the slots are not', async () => {
  const memory = knownValue(await readMemory(openMachine('microvm-no-smbios').root))
  assert.is(memory?.totalBytes.status, 'known')
  assert.is(memory?.slots.status, 'unknown')
})

test('UUID byte order: little-endian since 2.6', () => {
  const raw = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
  const data = structure(1, 0x1b, 1, [])
  raw.copy(data, 8)
  const whole = { type: 1, handle: 1, data: data.subarray(0, 0x1b), strings: [] }
  assert.is(decodeSystem(whole, '3.4').uuid, '33221100-5544-7766-8899-aabbccddeeff')
  assert.is(decodeSystem(whole, '2.4').uuid, '00112233-4455-6677-8899-aabbccddeeff')
})

test('a wrong checksum or anchor is a problem', () => {
  assert.equal(parseEntryPoint(entryPoint(10)).problems, [])
  const bad = entryPoint(10)
  bad.writeUInt8(9, 8)
  assert.equal(parseEntryPoint(bad).problems, ['the entry point has a wrong checksum'])
  assert.equal(parseEntryPoint(Buffer.alloc(40)).problems, ['the entry point has no SMBIOS anchor'])
})

const decoders = [
  decodeBios,
  (s: Parameters<typeof decodeSystem>[0]) => decodeSystem(s, undefined),
  decodeBoard,
  decodeChassis,
  decodeProcessor,
  decodeMemoryArray,
  decodeMemoryDevice,
  decodeIpmiDevice,
]

function decodeAll(entry: Buffer | undefined, table: Buffer) {
  const parsed = parseSmbios(entry, table)
  for (const each of parsed.structures) for (const decode of decoders) decode(each)
  return parsed
}

test('a real table cut off at any byte: no exception, and never without a problem', () => {
  const table = recorded(DMI)
  const entry = recorded(ENTRY)
  assert.equal(decodeAll(entry, table).problems, [])
  for (let length = 0; length < table.length; length += 1) {
    assert.ok(decodeAll(entry, table.subarray(0, length)).problems.length > 0, `${length} bytes`)
  }
})

test('random bytes: no exception, and structures stay inside', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ maxLength: 40 }), (bytes, entry) => {
      const table = Buffer.from(bytes)
      const parsed = decodeAll(Buffer.from(entry), table)
      assert.ok(parsed.structures.reduce((sum, { data }) => sum + data.length, 0) <= table.length)
    }),
  )
})

test('a real table with bytes changed: no exception', () => {
  const table = recorded(DMI)
  const change = fc.tuple(fc.nat(table.length - 1), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
      const bad = Buffer.from(table)
      for (const [at, value] of changes) bad.writeUInt8(value, at)
      decodeAll(recorded(ENTRY), bad)
    }),
  )
})

test('short structures of old firmware: missing fields are undefined', () => {
  const { structures } = parseSmbios(
    entryPoint(100),
    Buffer.concat([structure(17, 0x15, 1, [[0x0c, 2, 512]]), END]),
  )
  const device = structures[0] && decodeMemoryDevice(structures[0])
  assert.is(device?.size, 512 * 2 ** 20)
  assert.is(device?.serial, undefined)
  assert.is(device?.speed, undefined)
})

test.run()
