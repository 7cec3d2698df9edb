import type { EventLog } from '../../../src/runtime/event-log.ts'
import type { EventBody } from '../../../src/runtime/events.ts'

/** A clock that the story moves on. */
export interface StoryClock {
  now(): number
  /** Seconds. */
  pass(seconds: number): void
}

export function storyClock(start: string): StoryClock {
  let now = Date.parse(start)
  return {
    now: () => now,
    pass(seconds) {
      now += seconds * 1000
    },
  }
}

const SECTIONS: [step: string, title: string, readings: [string, number, string][]][] = [
  ['system', 'Read the system', []],
  ['bios', 'Read the BIOS', []],
  [
    'cpu',
    'Read the processors',
    [
      ['inventory.cpu.packages', 2, 'packages'],
      ['inventory.cpu.threads', 128, 'threads'],
    ],
  ],
  ['memory', 'Read the memory', [['inventory.memory.total', 540_118_761_472, 'bytes']]],
  [
    'disks',
    'Read the disks',
    [
      ['inventory.disks', 2, 'disks'],
      ['inventory.disks.size', 7_681_501_126_656, 'bytes'],
    ],
  ],
  ['network', 'Read the network cards', [['inventory.network', 4, 'cards']]],
]

const DISKS = [
  {
    path: '/dev/nvme0n1',
    model: 'SAMSUNG MZQL23T8HCLS-00A07',
    serial: 'S64HNE0T512345',
    sizeBytes: 3_840_755_982_336,
  },
  {
    path: '/dev/nvme1n1',
    model: 'SAMSUNG MZQL23T8HCLS-00A07',
    serial: 'S64HNE0T512391',
    sizeBytes: 3_840_755_982_336,
  },
]

/** A job as one sees it at night: the inventory is done, and two disks are being wiped. */
export function tellWipeHalfWay(log: EventLog, clock: StoryClock): void {
  const say = (seconds: number, body: EventBody) => {
    clock.pass(seconds)
    log.append(body)
  }
  const info = (message: string) => say(0.01, { kind: 'log', level: 'info', message })
  info('speediso 0.1.0 (v0.1.0-12-g5f0c2e1) on image 2026.11.20')
  say(0, { kind: 'reading', name: 'uptime', value: 14.2, unit: 's' })
  say(0.1, {
    kind: 'job.start',
    tasks: ['inventory', 'wipe', 'benchmark'],
    command_line:
      'BOOTIF=01-b0-7b-25-f1-0c-44 SPEEDISO=inventory,wipe,benchmark speediso.confirm=7CZ1234 ' +
      'speediso.after=poweroff speediso.log.token=*** speediso.report=https://deploy.example.net/reports',
  })
  say(0, { kind: 'task.start', task: 'inventory', steps: SECTIONS.length, timeout: 300_000 })
  for (const [step, title] of SECTIONS) say(0, { kind: 'step.start', task: 'inventory', step, title })
  for (const [step, , readings] of SECTIONS) {
    for (const [name, value, unit] of readings)
      say(0.01, { kind: 'reading', task: 'inventory', step, name, value, unit })
    const evidence = { status: 'known', values: { known: 11, absent: 1, unknown: 0 }, milliseconds: 43 }
    say(0.04, { kind: 'step.end', task: 'inventory', step, verdict: 'passed', seconds: 0.043, evidence })
  }
  say(0, { kind: 'task.end', task: 'inventory', verdict: 'passed', seconds: 0.48 })
  info('SSH: 2 authorized keys')
  info('The report and notices go to https://deploy.example.net/reports')
  say(0.2, { kind: 'task.start', task: 'wipe', steps: 6, timeout: 86_400_000 })
  for (const [index, target] of DISKS.entries()) wipe(say, index, target)
  say(1, {
    kind: 'log',
    task: 'wipe',
    step: 'nvme1n1-write',
    level: 'warning',
    message: '/dev/nvme1n1: 71 °C, above its warning threshold of 70 °C',
  })
  for (let done = 0.02; done < 0.56; done += 0.02) {
    for (const [index, { sizeBytes: total }] of DISKS.entries()) {
      const rate = (index === 0 ? 2.31e9 : 1.87e9) + 4e7 * Math.sin(done * 40)
      const part = done * (index === 0 ? 1 : 0.81)
      say(15, {
        kind: 'step.progress',
        task: 'wipe',
        step: `nvme${index}n1-write`,
        done: part * total,
        total,
        unit: 'bytes',
        rate,
        eta: ((1 - part) * total) / rate,
      })
    }
    if (Math.round(done * 100) % 20 !== 0) continue
    for (const [index, { path }] of DISKS.entries()) {
      const step = `nvme${index}n1-write`
      const value = 58 + index * 9 + Math.round(done * 8)
      say(1, { kind: 'reading', task: 'wipe', step, name: 'temperature', value, unit: '°C' })
      const message = `${path}: ${Math.round(done * 100)} % written, no error so far`
      say(1, { kind: 'log', task: 'wipe', step, level: 'info', message })
    }
  }
}

type Say = (seconds: number, body: EventBody) => void

function wipe(say: Say, index: number, target: (typeof DISKS)[number]): void {
  const task = 'wipe'
  const check = `nvme${index}n1-check`
  say(0, {
    kind: 'step.start',
    task,
    step: check,
    title: `Check that ${target.path} is the disk meant`,
    target,
  })
  say(0.3, {
    kind: 'step.end',
    task,
    step: check,
    verdict: 'passed',
    seconds: 0.31,
    evidence: { serial: target.serial, mounted: false, holders: [] },
  })
  const title = `Overwrite ${target.path} with zeros`
  say(0, { kind: 'step.start', task, step: `nvme${index}n1-write`, title, target })
}
