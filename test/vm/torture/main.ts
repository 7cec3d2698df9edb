import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { harnessDeps } from '../harness/index.ts'
import { torture } from './torture.ts'

const USAGE = `usage: npm run torture -- [--cycles N] [--seed N] [--hosts N] [--two-kernels] [--summary FILE]
Cuts the power of virtual hosts at random instants of updates and reverts, starts them again, and checks that each comes
up confirmed and with a right version. Exit code 0: all of them did.

  --cycles N       power cuts in all (default 20)
  --seed N         decides what is cut when (default: by the clock)
  --hosts N        so many hosts at once (default 2)
  --two-kernels    the two images have different kernels: each change takes a kexec or a reboot
  --summary FILE   JSON (default dist/torture.json)`

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    hosts: { type: 'string', default: '2' },
    'two-kernels': { type: 'boolean', default: false },
    summary: { type: 'string', default: 'dist/torture.json' },
    help: { type: 'boolean', default: false },
  },
})
const number = (name: 'cycles' | 'seed' | 'hosts') => {
  const value = Number(values[name])
  if (Number.isInteger(value) && value > 0) return value
  process.stderr.write(`--${name} ${values[name]}: has to be a whole number above 0\n`)
  process.exit(2)
}
if (values.help) {
  process.stdout.write(`${USAGE}\n`)
  process.exit(0)
}
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(new Error(signal)))
const say = (line: string) => process.stderr.write(`${line}\n`)
const dir = await mkdtemp(join(tmpdir(), 'speediso-torture-'))
try {
  const options = {
    ...{ cycles: number('cycles'), seed: number('seed'), hosts: number('hosts') },
    ...{ twoKernels: values['two-kernels'], dir, say },
  }
  const summary = await torture(options, harnessDeps({ log: say, signal: stop.signal }))
  const file = resolve(values.summary)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(summary, null, 1)}\n`)
  say(`${summary.passed} of ${summary.wanted} cycles passed; ${file}`)
  process.exitCode = summary.failures.length === 0 ? 0 : 1
} finally {
  await rm(dir, { recursive: true, force: true })
}
