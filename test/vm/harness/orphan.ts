import { harnessDeps } from './deps.ts'
import { startMachine } from './start-machine.ts'

/** Run as a program of its own by the harness's test: starts a machine, tells of it, and ends as it is told. */
const [kernel = '', way = ''] = process.argv.slice(2)
const machine = await startMachine(
  {
    name: 'orphan',
    firmware: 'bios',
    memoryMiB: 256,
    cpus: 1,
    acceleration: 'tcg',
    boot: { kind: 'kernel', kernel, cmdline: 'console=ttyS0' },
    limit: 60_000,
  },
  harnessDeps(),
)
process.stdout.write(`${JSON.stringify({ pid: machine.pid, dir: machine.dir })}\n`)
if (way === 'exception') throw new Error('on purpose')
if (way === 'exit') process.exit(0)
// Otherwise it waits to be ended by a signal.
