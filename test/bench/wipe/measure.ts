import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { systemClock } from '../../../src/system/clock.ts'
import { runDiskWork } from '../../../src/system/disk-io/run.ts'
import type { Pattern } from '../../../src/system/disk-io/schema.ts'
import { createStartWorker, type StartWorker } from '../../../src/system/worker.ts'
import type { LoopDevice } from '../../block/helpers/loop-device.ts'

/** One run, in seconds of the clock and of processor time; of our own the work alone, without the worker's start. */
export interface Run {
  seconds: number
  cpu: number
}

/** Ticks of a second in /proc (USER_HZ, the same on all that Linux runs on today). */
const TICKS = 100

const start = createStartWorker()

/** Runs a program; fails when it does. */
export async function runProgram(file: string, args: string[]): Promise<Run> {
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null 2>&1'
  const child = spawn('bash', ['-c', script, 'bash', file, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  const [seconds, user, system] = output.trim().split(' ').map(Number)
  if (code !== 0 || seconds === undefined) throw new Error(`${file} ended with ${code}`)
  return { seconds, cpu: (user ?? 0) + (system ?? 0) }
}

/** Overwrites or reads back a whole disk; processor time is the worker's and this process's, from first to last word. */
export async function runEngine(
  loop: LoopDevice,
  work: 'overwrite' | 'read',
  pattern: Pattern,
): Promise<Run> {
  let pid = 0
  const cpu: number[] = []
  const startWorker: StartWorker = (kind, request, events) => {
    const worker = start(kind, request, {
      ...events,
      message(value) {
        cpu.push(cpuOf(pid) + cpuOf(process.pid))
        events.message(value)
      },
    })
    pid = worker.pid ?? 0
    return worker
  }
  const { path, sizeBytes, sectorBytes } = loop
  const deps = {
    startWorker,
    clock: systemClock,
    signal: new AbortController().signal,
    stall: 60_000,
    progress() {},
  }
  const disk = { path, sizeBytes, sectorBytes }
  const end =
    work === 'overwrite'
      ? await runDiskWork({ work, ...disk, pattern, from: 0 }, deps)
      : await runDiskWork({ work, ...disk, expect: pattern, ranges: null, canaries: null }, deps)
  if (end.state !== 'done') throw new Error(`${work}: ${JSON.stringify(end)}`)
  const { result } = end
  const all = 'writtenBytes' in result ? result.writtenBytes : result.readBytes - result.mismatchedBytes
  if (all !== sizeBytes) throw new Error(`${work}: only ${all} bytes of ${sizeBytes}`)
  return { seconds: result.seconds, cpu: (cpu.at(-1) ?? 0) - (cpu[0] ?? 0) }
}

/** Seconds of processor time of a process, ended or not, as long as it was not waited for. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  // proc_pid_stat(5): utime and stime, 14th and 15th field.
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** Each in turn, so that a noisy moment hits all; the first round only warms up. */
export async function inTurn<Name extends string>(
  rounds: number,
  runs: Record<Name, () => Promise<Run>>,
): Promise<Record<Name, Run[]>> {
  const names = Object.keys(runs) as Name[]
  const measured = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Run[]>
  for (let round = -1; round < rounds; round += 1) {
    for (const name of names) {
      const run = await runs[name]()
      if (round >= 0) measured[name].push(run)
    }
  }
  return measured
}
