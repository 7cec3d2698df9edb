import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LoopDevice, loopDevice, memoryFolder } from '../../block/helpers/loop-device.ts'
import { type Figure, median } from '../figure.ts'
import { inTurn, type Run, runEngine, runProgram } from './measure.ts'

const GIB = 2 ** 30
const ROUNDS = 5
const DISKS = 4
const zero = { kind: 'zero' } as const
const random = { kind: 'random', seed: '00112233445566778899aabbccddeeff'.repeat(2) } as const

const ddWrite = (loop: LoopDevice) =>
  runProgram('dd', ['if=/dev/zero', `of=${loop.path}`, 'oflag=direct', 'bs=4M', ...count(loop)])
const ddRead = (loop: LoopDevice) =>
  runProgram('dd', [`if=${loop.path}`, 'of=/dev/null', 'iflag=direct', 'bs=4M'])
/** To the end of a device dd fails for want of space. */
const count = ({ sizeBytes }: LoopDevice) => [`count=${sizeBytes / (4 * 2 ** 20)}`]

/** Overwriting and reading back against the plain tools, on a disk in memory and on one over a file past the cache. */
export async function wipeFigures(): Promise<Figure[]> {
  using memory = memoryFolder('6g')
  const dir = await mkdtemp(join(tmpdir(), 'speediso-bench-'))
  try {
    return [
      ...(await diskFigures('disk in memory', { dir: memory.dir, direct: false })),
      ...(await parallelFigures(memory.dir)),
      ...(await diskFigures('disk over a file', { dir, direct: true })),
    ]
  } finally {
    await rm(dir, { recursive: true })
  }
}

async function diskFigures(name: string, where: { dir: string; direct: boolean }): Promise<Figure[]> {
  using loop = loopDevice({ ...where, sizeBytes: 2 * GIB, fill: 0xaa })
  const speed = (figure: string, own: Run[], peer: string, peers: Run[], limit?: number): Figure => ({
    figure: `wipe: ${name}, 2 GiB, ${figure}`,
    value: secondsOf(own),
    unit: 's',
    peer,
    peerValue: secondsOf(peers),
    ...(limit === undefined ? {} : { limit: { ratio: limit } }),
  })
  // What is read back is what the run before it has written.
  const runs = await inTurn(ROUNDS, {
    write: () => runEngine(loop, 'overwrite', zero),
    dd: () => ddWrite(loop),
    read: () => runEngine(loop, 'read', zero),
    ddRead: () => ddRead(loop),
    random: () => runEngine(loop, 'overwrite', random),
    readRandom: () => runEngine(loop, 'read', random),
  })
  const shred = await inTurn(3, {
    shred: () => runProgram('shred', ['-n0', '-z', loop.path]),
    write: () => runEngine(loop, 'overwrite', zero),
  })
  return [
    speed('overwrite with zeros', runs.write, 'dd oflag=direct bs=4M', runs.dd, 1 / 0.95),
    {
      figure: `wipe: ${name}, cores for overwriting with zeros, supervising process and all`,
      value: coresOf(runs.write),
      unit: 'cores',
      peer: 'dd oflag=direct bs=4M',
      peerValue: coresOf(runs.dd),
      limit: { value: 0.3 },
    },
    speed('read back and compare', runs.read, 'dd iflag=direct bs=4M', runs.ddRead, 1 / 0.9),
    speed('overwrite with zeros', shred.write, 'shred -n0 -z', shred.shred, 1 / 3),
    speed('overwrite with random bytes', runs.random, 'dd oflag=direct bs=4M of zeros', runs.dd),
    speed('read back random bytes', runs.readRandom, 'dd iflag=direct bs=4M', runs.ddRead),
    {
      figure: `wipe: ${name}, random bytes for each second of processor time`,
      value: (2 * GIB) / 1e9 / median(runs.random.map(({ cpu }) => cpu)),
      unit: 'GB/s',
      peer: 'zeros',
      peerValue: (2 * GIB) / 1e9 / median(runs.write.map(({ cpu }) => cpu)),
    },
  ]
}

async function parallelFigures(dir: string): Promise<Figure[]> {
  using stack = new DisposableStack()
  const loops = Array.from({ length: DISKS }, () =>
    stack.use(loopDevice({ dir, direct: false, sizeBytes: GIB, fill: 0xaa })),
  )
  const together = (act: (loop: LoopDevice) => Promise<Run>) => async (): Promise<Run> => {
    const spans = await Promise.all(
      loops.map(async (loop) => {
        const { seconds } = await act(loop)
        const end = performance.now() / 1000
        return { from: end - seconds, to: end }
      }),
    )
    const seconds = Math.max(...spans.map(({ to }) => to)) - Math.min(...spans.map(({ from }) => from))
    return { seconds, cpu: 0 }
  }
  const runs = await inTurn(ROUNDS, {
    write: together((loop) => runEngine(loop, 'overwrite', zero)),
    dd: together(ddWrite),
  })
  return [
    {
      figure: `wipe: ${DISKS} disks in memory at once, 1 GiB each, overwrite with zeros`,
      value: secondsOf(runs.write),
      unit: 's',
      peer: `${DISKS} times dd oflag=direct bs=4M at once`,
      peerValue: secondsOf(runs.dd),
      limit: { ratio: 1 / 0.9 },
    },
  ]
}

const secondsOf = (runs: Run[]) => median(runs.map(({ seconds }) => seconds))
const coresOf = (runs: Run[]) => median(runs.map(({ seconds, cpu }) => cpu / seconds))
