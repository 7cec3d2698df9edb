import { setTimeout as sleep } from 'node:timers/promises'
import { MINUTE, netboot, readJob, speedisoLog } from '../vm/guest.ts'
import { harnessDeps, type Machine } from '../vm/harness/index.ts'
import type { Figure } from './figure.ts'

/** Memory of the machine that is measured; the least that the image promises to work in. */
const MEMORY_MIB = 768

/** Seconds of one netboot with SPEEDISO=inventory, and its memory. */
export async function bootFigures(): Promise<Figure[]> {
  const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })
  await using booted = await netboot(
    {
      ask: 'SPEEDISO=inventory',
      whole: true,
      memoryMiB: MEMORY_MIB,
      smbios: { system: { serial: 'SYS-BENCH' } },
      extraArguments: ['-device', 'virtio-balloon-pci,id=balloon'],
    },
    deps,
  )
  const { machine } = booted
  const memory = watchMemory(machine)
  const events = await readJob(await speedisoLog(machine))
  const peak = await memory.stop()
  const at = async (milestone: string) => {
    const line = await machine.serial.waitFor(`speediso-milestone: ${milestone} `, { limit: 2 * MINUTE })
    return Number(/speediso-milestone: \S+ ([\d.]+)/.exec(line)?.[1])
  }
  const multiUser = await at('multi-user')
  const uptime = events.find((event) => event.kind === 'reading' && event.name === 'uptime')
  const first = events.find((event) => event.kind === 'task.start')
  if (uptime?.kind !== 'reading' || first === undefined)
    throw new Error('the job told no uptime, or had no task')
  const firstTask = Number(uptime.value) + (Date.parse(first.time) - Date.parse(uptime.time)) / 1000
  const seconds = (to: string, value: number): Figure => {
    const peer = 'kernel start to multi-user.target of the same boot'
    return { figure: `boot: kernel start to ${to}`, value, unit: 's', peer, peerValue: multiUser }
  }
  return [
    seconds('initramfs', await at('initramfs')),
    seconds('root fetched', await at('fetch-end')),
    seconds('switch-root', await at('switch-root')),
    seconds('first task event', firstTask),
    {
      figure: 'memory: peak of the guest up to the end of the inventory',
      value: peak,
      unit: 'MiB',
      peer: 'memory of the machine',
      peerValue: MEMORY_MIB,
    },
  ]
}

/** Samples what the guest's balloon driver tells of its memory, once a second. */
function watchMemory(machine: Machine): { stop(): Promise<number> } {
  const path = '/machine/peripheral/balloon'
  let peak = 0
  let stopped = false
  const watching = (async () => {
    await machine.qmp('qom-set', { path, property: 'guest-stats-polling-interval', value: 1 })
    while (!stopped) {
      const { stats } = (await machine.qmp('qom-get', { path, property: 'guest-stats' })) as {
        stats: Record<string, number>
      }
      const available = stats['stat-available-memory'] ?? -1
      // Until the guest's driver has spoken every value is -1, which JSON shows as 2^64 - 1.
      if (available > 0 && available < MEMORY_MIB * 2 ** 20)
        peak = Math.max(peak, MEMORY_MIB - available / 2 ** 20)
      await sleep(1000)
    }
  })()
  return {
    async stop() {
      stopped = true
      await watching
      if (peak === 0) throw new Error("the guest's balloon driver told nothing of its memory")
      return peak
    },
  }
}
