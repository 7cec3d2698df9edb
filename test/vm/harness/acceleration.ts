import { accessSync, constants } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { findProgram, type HarnessDeps } from './deps.ts'
import { MachineError } from './errors.ts'
import { describeEnd } from './machine.ts'
import type { MachineSpec } from './spec.ts'
import { startMachine } from './start-machine.ts'

export interface Acceleration {
  use: MachineSpec['acceleration']
  /** For people. */
  reason: string
}

const acceleration = z.object({ use: z.enum(['kvm', 'tcg']), reason: z.string() })
const cached = acceleration.extend({ bootId: z.string(), qemu: z.string() })

/** A kernel reaches its panic in one or two seconds where virtualisation works. */
const TRIAL_LIMIT = 10_000

/**
 * Chooses hardware virtualisation only if a trial boot of this kernel proves that it works: on some machines /dev/kvm is
 * there and guests hang or are given up. The answer is kept until the host boots again or has another QEMU.
 */
export async function chooseAcceleration(kernel: string, deps: HarnessDeps): Promise<Acceleration> {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
  } catch {
    return { use: 'tcg', reason: 'there is no /dev/kvm that this user may use' }
  }
  const program = findProgram('qemu-system-x86_64', 'qemu-system-x86', deps.path)
  const [bootId, version] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    deps.exec(program, ['--version']),
  ])
  const key = { bootId: bootId.trim(), qemu: version.stdout.split('\n')[0] ?? '' }
  const file = join(deps.cacheDir, 'acceleration.json')
  const known = cached.safeParse(await readJson(file)).data
  if (known?.bootId === key.bootId && known.qemu === key.qemu) return { use: known.use, reason: known.reason }

  const chosen = await tryKvm(kernel, deps)
  deps.log(`acceleration: ${chosen.use} (${chosen.reason})`)
  await mkdir(deps.cacheDir, { recursive: true })
  const part = `${file}.${process.pid}`
  await writeFile(part, JSON.stringify({ ...key, ...chosen }))
  await rename(part, file)
  return chosen
}

async function tryKvm(kernel: string, deps: HarnessDeps): Promise<Acceleration> {
  const seconds = (from: number) => ((performance.now() - from) / 1000).toFixed(1)
  const from = performance.now()
  // Not a boot sector: where guests hang, they do so in what a kernel does, and those get far.
  const spec: MachineSpec = {
    name: 'kvm-trial',
    firmware: 'bios',
    memoryMiB: 256,
    cpus: 2,
    acceleration: 'kvm',
    networkCards: [],
    boot: { kind: 'kernel', kernel, cmdline: 'console=ttyS0 earlyprintk=ttyS0 panic=-1' },
    limit: TRIAL_LIMIT,
  }
  try {
    await using machine = await startMachine(spec, deps)
    // Without a root file system a kernel that runs ends in this panic.
    const ran = await machine.serial.waitFor('Kernel panic - not syncing: VFS').then(
      () => true,
      () => false,
    )
    if (ran) return { use: 'kvm', reason: `a kernel ran under it in ${seconds(from)} s` }
    deps.signal?.throwIfAborted()
    const why = describeEnd(await machine.ended, spec.limit)
    return { use: 'tcg', reason: `there is /dev/kvm, but in a trial boot under it ${why}` }
  } catch (error) {
    deps.signal?.throwIfAborted()
    if (!(error instanceof MachineError)) throw error
    const [said] = String(error.facts.stderr).split('\n')
    return { use: 'tcg', reason: `there is /dev/kvm, but QEMU did not start with it: ${said}` }
  }
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch {
    return undefined
  }
}
