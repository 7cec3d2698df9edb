import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readCpu } from '../../src/system/cpu/cpu.ts'
import { readCpuData } from '../../src/system/cpu/systeminformation.ts'
import { knownValue } from '../../src/system/finding.ts'
import { createMachineRoot, type MachineRoot } from '../../src/system/machine-root.ts'
import { openMachine, openTree } from './helpers/machine-tree.ts'
import { temporaryDir } from './helpers/temporary.ts'

const EMPTY = { manufacturer: '', brand: '', flags: '', speedMax: 0, cores: 0, physicalCores: 0, cache: {} }

/** A recorded tree that says it is the running machine, with the programs that the library needs. */
function running(root: MachineRoot): MachineRoot {
  const tools = new Set(['/fake/sh', '/fake/lscpu'])
  return { ...root, dir: '/', exists: async (path) => tools.has(path) || root.exists(path) }
}

async function withPath<T>(path: string, work: () => Promise<T>): Promise<T> {
  const before = process.env.PATH
  process.env.PATH = path
  try {
    return await work()
  } finally {
    process.env.PATH = before
  }
}

test('counts, model and caches from the kernel, sockets from SMBIOS', async () => {
  const cpu = knownValue(await readCpu(openMachine('qemu-bios-server').root))
  assert.is(cpu && knownValue(cpu.model), 'QEMU TCG CPU version 2.5+')
  assert.equal(cpu && [cpu.packages, cpu.cores, cpu.threads].map(knownValue), [1, 2, 2])
  assert.equal(cpu && knownValue(cpu.cache), { l1d: 131072, l1i: 131072, l2: 1048576, l3: 16777216 })
  assert.is(cpu && knownValue(cpu.hypervisor), true)
  assert.is(cpu && knownValue(cpu.virtualization), true)
  const [socket] = (cpu && knownValue(cpu.sockets)) ?? []
  assert.equal(
    socket && [knownValue(socket.socket), knownValue(socket.serial), knownValue(socket.maxSpeedMhz)],
    ['CPU 0', 'CPUSN1', 3400],
  )
})

test('a recording is not read by a library that reads the running machine', async () => {
  const data = await readCpuData(openMachine('qemu-bios-server').root)
  assert.is(data.status, 'unknown')
  assert.match(data.status === 'unknown' ? data.reason : '', 'running machine only')
})

test('systeminformation on this machine: manufacturer and brand', async () => {
  const data = knownValue(await readCpuData(createMachineRoot('/')))
  assert.ok(data?.manufacturer)
  assert.ok(data?.brand)
})

test('systeminformation without its tools is not asked: it would answer with defaults', async () => {
  const data = await withPath(temporaryDir(), () => readCpuData(createMachineRoot('/')))
  assert.is(data.status, 'unknown')
  assert.match(data.status === 'unknown' ? data.reason : '', 'needs sh, which is not installed')
})

test('empty answers, exceptions and nonsense of the library are unknown', async () => {
  const { root } = openMachine('qemu-bios-server')
  for (const cpu of [
    async () => EMPTY,
    async () => [],
    async () => 'no',
    () => Promise.reject(new Error('boom')),
  ]) {
    const data = await withPath('/fake', () => readCpuData(running(root), async () => ({ cpu })))
    assert.is(data.status, 'unknown')
  }
})

test('where the library says otherwise than sysfs, sysfs wins and it is recorded', async () => {
  const { root } = openMachine('qemu-bios-server')
  const answer = { ...EMPTY, manufacturer: 'AMD', brand: 'QEMU', physicalCores: 7, cache: { l3: 33554432 } }
  const cpu = await withPath('/fake', () => readCpu(running(root), async () => ({ cpu: async () => answer })))
  assert.is(cpu.status, 'known')
  if (cpu.status !== 'known') return
  assert.is(knownValue(cpu.value.manufacturer), 'AMD')
  assert.is(knownValue(cpu.value.cores), 2)
  assert.equal(
    cpu.value.disagreements.map(({ what, taken, other }) => [what, taken.value, other.value]),
    [
      ['cores', 2, 7],
      ['l3 cache', 16777216, 33554432],
    ],
  )
})

test('no topology and no cpuinfo: unknown', async () => {
  assert.is((await readCpu(openTree({}).root)).status, 'unknown')
})

test('cores are counted by package and die, threads that are offline apart', async () => {
  const files: Record<string, string> = {
    '/proc/cpuinfo': 'model name\t: Test\n',
    '/sys/devices/system/cpu/online': '0-3,6-7',
    '/sys/devices/system/cpu/present': '0-7',
  }
  const places = [
    [0, 0, 0],
    [0, 0, 0],
    [0, 1, 0],
    [0, 1, 0],
    [1, 0, 0],
    [1, 0, 0],
    [1, 0, 0],
    [1, 0, 0],
  ]
  for (const [cpu, [pack, die, core]] of places.entries()) {
    const dir = `/sys/devices/system/cpu/cpu${cpu}/topology`
    Object.assign(files, {
      [`${dir}/physical_package_id`]: `${pack}`,
      [`${dir}/die_id`]: `${die}`,
      [`${dir}/core_id`]: `${core}`,
    })
  }
  const cpu = knownValue(await readCpu(openTree({ files }).root))
  assert.equal(
    cpu && [cpu.packages, cpu.cores, cpu.threads, cpu.offlineThreads, cpu.threadsPerCore].map(knownValue),
    [2, 3, 6, 2, 2],
  )
})

test.run()
