import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chooseAcceleration, type HarnessDeps } from '../harness/index.ts'
import { currentRootImageDir } from '../root-host.ts'
import { type Cycle, runCycles } from './cycle.ts'
import { makeTorturedHost } from './host.ts'
import { createRandom } from './random.ts'

export interface TortureOptions {
  cycles: number
  seed: number
  /** Hosts at once. */
  hosts: number
  twoKernels: boolean
  /** For disks; some gigabytes a host. */
  dir: string
  say: (line: string) => void
}

export interface TortureSummary {
  seed: number
  wanted: number
  passed: number
  seconds: number
  cycles: (Cycle & { host: number; seed: number })[]
  failures: { host: number; seed: number; cycle: number; error: string }[]
}

const CLOUD = fileURLToPath(new URL('../../../dist/image-root-cloud/current', import.meta.url))

/** Cuts the power so often, on several hosts beside each other; a host that came up wrong is not started again. */
export async function torture(options: TortureOptions, deps: HarnessDeps): Promise<TortureSummary> {
  const { cycles: wanted, seed, hosts, twoKernels, dir, say } = options
  const from = performance.now()
  const image = await realpath(currentRootImageDir())
  const other = twoKernels ? await realpath(CLOUD) : image
  const { use } = await chooseAcceleration(join(image, 'vmlinuz'), deps)
  const summary: TortureSummary = { seed, wanted, passed: 0, seconds: 0, cycles: [], failures: [] }
  const lane = async (host: number) => {
    const count = Math.floor(wanted / hosts) + (host < wanted % hosts ? 1 : 0)
    if (count === 0) return
    const folder = join(dir, `host-${host}`)
    await mkdir(folder)
    const files = [image, other].map((each) => join(each, 'hn-root.img')) as [string, string]
    const disk = await makeTorturedHost(folder, files[0], deps.exec, files[1])
    const own = (seed + host * 7919) >>> 0
    let cycle = 1
    try {
      const place = { disk, dir: folder, name: `torture-${host}`, acceleration: use }
      await runCycles(place, count, createRandom(own), deps, (done) => {
        summary.cycles.push({ host, seed: own, ...done })
        const { operation, cut, boots, version } = done
        say(
          `host ${host}, cycle ${done.cycle}: ${operation}, cut at write ${cut.at} of ${cut.entries} (${cut.lost} lost): up after ${boots} boots with version ${version}`,
        )
        cycle += 1
      })
    } catch (error) {
      summary.failures.push({ host, seed: own, cycle, error: (error as Error).message })
      say(`host ${host}, cycle ${cycle}: ${(error as Error).message}`)
    }
  }
  await Promise.all(Array.from({ length: hosts }, (_, host) => lane(host)))
  summary.passed = summary.cycles.length
  summary.seconds = Math.round((performance.now() - from) / 1000)
  return summary
}
