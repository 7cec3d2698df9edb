import { createExec } from '../../../src/system/exec.ts'
import { readHostIdentity } from '../../../src/system/identity.ts'
import { createMachineRoot } from '../../../src/system/machine-root.ts'
import { type LoopDevice, loopDevice, memoryFolder } from '../../block/helpers/loop-device.ts'
import { type Figure, median } from '../figure.ts'
import { inTurn, runEngine, runProgram } from './measure.ts'
import { runNwipe } from './nwipe.ts'

const GIB = 2 ** 30
const ROUNDS = 3

/** `speediso wipe` of the executable, with all that it does beside writing: facts, plan, canaries, certificate. */
export async function wholeRun(executable: string): Promise<Figure[]> {
  const { macs, uuid, serial } = await readHostIdentity(createMachineRoot('/'), createExec())
  const confirm = macs[0]?.mac ?? uuid ?? serial ?? ''
  return endToEndFigures(({ path }) => [executable, 'wipe', '--disks', `path:${path}`, '--confirm', confirm])
}

/**
 * A whole run of a program that overwrites a disk with zeros and reads all of it back, from its start to its end, against
 * nwipe doing the same. `command` is the program and its arguments for that disk.
 */
async function endToEndFigures(command: (disk: LoopDevice) => [string, ...string[]]): Promise<Figure[]> {
  using memory = memoryFolder('3g')
  using loop = loopDevice({ dir: memory.dir, sizeBytes: 2 * GIB, fill: 0xaa })
  const checked = async (run: ReturnType<typeof runProgram>) => {
    const measured = await run
    // Who is fast because nothing was wiped is not measured.
    await runEngine(loop, 'read', { kind: 'zero' })
    await runEngine(loop, 'overwrite', { kind: 'random', seed: 'ab'.repeat(32) })
    return measured
  }
  const [file, ...args] = command(loop)
  const runs = await inTurn(ROUNDS, {
    own: () => checked(runProgram(file, args)),
    nwipe: () => checked(runNwipe(loop)),
  })
  return [
    {
      figure: 'wipe: a whole run on a disk in memory, 2 GiB, zeros, all read back',
      value: median(runs.own.map(({ seconds }) => seconds)),
      unit: 's',
      peer: 'nwipe --method=zero --verify=last',
      peerValue: median(runs.nwipe.map(({ seconds }) => seconds)),
      limit: { ratio: 1 / 8 },
    },
  ]
}
