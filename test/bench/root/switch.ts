import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chooseAcceleration, harnessDeps, startMachine } from '../../vm/harness/index.ts'
import { currentRootImageDir, makeHostpart, quickBoot } from '../../vm/root-host.ts'
import type { Figure } from '../figure.ts'

const MINUTE = 60_000

/** Seconds that `root switch` adds to a boot of an installed host on which nothing is to be changed. */
export async function switchFigures(): Promise<Figure[]> {
  const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })
  const folder = await mkdtemp(join(tmpdir(), 'speediso-bench-switch-'))
  try {
    const image = await realpath(currentRootImageDir())
    const [kernel, initrd, disk] = [join(image, 'vmlinuz'), join(image, 'initrd.img'), join(folder, 'disk')]
    await makeHostpart(disk, { 'hn-root.img': join(image, 'hn-root.img') }, deps.exec)
    const { use } = await chooseAcceleration(kernel, deps)
    const told = [
      'real_root=/hn-root.img',
      'raw_loop_root_host_partition=LABEL=hostpart',
      'speediso.booted=current',
    ]
    const cmdline = ['console=ttyS0', quickBoot(), ...told].join(' ')
    const start = () =>
      startMachine(
        {
          ...{ name: 'root-switch', firmware: 'bios', memoryMiB: 1024, cpus: 2, acceleration: use },
          boot: { kind: 'kernel', kernel, initrd, cmdline },
          disks: [{ kind: 'virtio', serial: 'HOST', sizeMiB: 3072, file: disk }],
          networkCards: [],
          limit: 8 * MINUTE,
        },
        deps,
      )
    await using machine = await start()
    const at = async (milestone: string) => {
      const line = await machine.serial.waitFor(`speediso-milestone: ${milestone} `, { limit: 5 * MINUTE })
      return Number(/speediso-milestone: \S+ ([\d.]+)/.exec(line)?.[1])
    }
    const [mounted, decided, root] = [await at('hostpart'), await at('decided'), await at('switch-root')]
    const peer = `kernel start to switch-root of the same boot, ${use === 'tcg' ? 'in an emulator' : 'virtual'}`
    return [
      { figure: 'root: root switch in a boot', value: decided - mounted, unit: 's', peer, peerValue: root },
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
