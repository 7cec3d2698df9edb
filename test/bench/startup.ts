import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeExecutable } from '../../packaging/binary/executable.ts'
import { createRun } from '../../packaging/lib/run.ts'
import { type Figure, median } from './figure.ts'

const ROUNDS = 30

/** Size of the executable and its start, against an empty executable that is made the same way and a bare Node. */
export async function startupFigures(executable: string): Promise<Figure[]> {
  const build = join(executable, '../.build')
  const node = join(build, (await readdir(build)).find((name) => name.endsWith('-stripped')) ?? '')
  const work = await mkdtemp(join(tmpdir(), 'speediso-bench-'))
  try {
    const empty = join(work, 'empty')
    const script = join(work, 'empty.cjs')
    await writeFile(script, 'process.stdout.write("empty\\n")\n')
    await makeExecutable({ script, node, output: empty, work }, createRun(join(work, 'log')))
    const [own, bare, plain] = inTurn([[executable, '--version'], [empty], [process.execPath, '-e', '0']])
    const start = { figure: 'start: speediso --version', value: own, unit: 'ms' }
    return [
      {
        figure: 'size: executable',
        value: (await stat(executable)).size / 1e6,
        unit: 'MB',
        peer: 'empty executable',
        peerValue: (await stat(empty)).size / 1e6,
        limit: { value: 120 },
      },
      { ...start, peer: 'empty executable', peerValue: bare, limit: { ratio: 1.4 } },
      { ...start, peer: 'node -e 0', peerValue: plain },
    ]
  } finally {
    await rm(work, { recursive: true })
  }
}

/** Median wall milliseconds of each command, run in turn so that a noisy moment hits all. */
function inTurn(commands: [string[], string[], string[]]): [number, number, number] {
  const times: [number[], number[], number[]] = [[], [], []]
  for (let round = -1; round < ROUNDS; round += 1) {
    commands.forEach(([file = '', ...args], i) => {
      const from = performance.now()
      const { status } = spawnSync(file, args, { stdio: 'ignore' })
      if (status !== 0) throw new Error(`${file} ended with ${status}`)
      // The first round only warms the page cache.
      if (round >= 0) times[i]?.push(performance.now() - from)
    })
  }
  return [median(times[0]), median(times[1]), median(times[2])]
}
