import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reportSchema } from '../../../src/runtime/report.ts'
import { createExec } from '../../../src/system/exec.ts'
import { MINUTE, netboot, speedisoLog } from '../../vm/guest.ts'
import { createSshKey, type DiskKind, harnessDeps } from '../../vm/harness/index.ts'
import { type Figure, median } from '../figure.ts'

const UUID = '53504545-4449-534f-8000-00000000bbbb'
const ROUNDS = 3
const SIZE_MIB = 4096
const KINDS: readonly DiskKind[] = ['nvme', 'virtio']

/** Overwriting and reading back disks of a virtual machine by the image's own executable, and by dd in the same machine. */
export async function virtualFigures(): Promise<Figure[]> {
  const dir = await mkdtemp(join(tmpdir(), 'speediso-bench-'))
  await using made = new AsyncDisposableStack()
  made.defer(() => rm(dir, { recursive: true }))
  const key = await createSshKey(dir, createExec())
  const disks = KINDS.map((kind) => ({ kind, serial: `BENCH-${kind}`, sizeMiB: SIZE_MIB }))
  const smbios = { system: { uuid: UUID, serial: 'SYS-BENCH' } }
  const ask = `"speediso.ssh.keys=${key.publicKey}"`
  const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })
  const { machine } = made.use(await netboot({ ask, smbios, disks, limit: 20 * MINUTE }, deps))
  await speedisoLog(machine)
  await machine.waitForSsh({ limit: MINUTE })

  const dd = async (...args: string[]) => {
    const { stderr } = await machine.ssh(['dd', 'bs=4M', `count=${SIZE_MIB / 4}`, ...args], key)
    const seconds = Number(/, ([\d.]+) s,/.exec(stderr)?.[1])
    if (!(seconds > 0)) throw new Error(`dd says: ${stderr}`)
    return seconds
  }
  const wipe = async (serial: string) => {
    const command = [
      'speediso',
      'wipe',
      '--confirm',
      UUID,
      '--disks',
      `serial:${serial}`,
      '--methods',
      'overwrite',
    ]
    const { stdout } = await machine.ssh([...command, '--json'], key)
    const steps = reportSchema.parse(JSON.parse(stdout)).tasks[0]?.steps ?? []
    const seconds = (kind: string) => Number(steps.find((step) => step.kind === kind)?.evidence.seconds)
    return { write: seconds('erase'), read: seconds('verify') }
  }
  const figures: Figure[] = []
  for (const { kind, serial } of disks) {
    const { stdout } = await machine.ssh(
      ['lsblk', '--nodeps', '--noheadings', '--output', 'PATH,SERIAL'],
      key,
    )
    const path =
      stdout
        .split('\n')
        .find((line) => line.endsWith(serial))
        ?.split(' ')[0] ?? ''
    const own: { write: number; read: number }[] = []
    const peer: { write: number; read: number }[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      peer.push({
        write: await dd('if=/dev/zero', `of=${path}`, 'oflag=direct'),
        read: await dd(`if=${path}`, 'of=/dev/null', 'iflag=direct'),
      })
      own.push(await wipe(serial))
    }
    const name = `wipe: ${kind} disk of a virtual machine, ${SIZE_MIB / 1024} GiB`
    for (const [what, side, flags, ratio] of [
      ['overwrite with zeros', 'write', 'oflag=direct', 1 / 0.95],
      ['read back and compare', 'read', 'iflag=direct', 1 / 0.9],
    ] as const) {
      figures.push({
        figure: `${name}, ${what}`,
        value: median(own.map((run) => run[side])),
        unit: 's',
        peer: `dd ${flags} bs=4M there`,
        peerValue: median(peer.map((run) => run[side])),
        limit: { ratio },
      })
    }
  }
  return figures
}
