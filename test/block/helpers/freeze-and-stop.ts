import { join } from 'node:path'
import { settle } from '../../../src/root/freeze.ts'
import { createStartThawGuard, type StartThawGuard } from '../../../src/root/freeze-guard.ts'
import { loadFreezeIo } from '../../../src/root/freeze-ioctl.ts'

// A program for tests: `node freeze-and-stop.ts FOLDER MODE SIGNAL TIMES LIMIT` settles so many times, and the last time
// gets the signal between freeze and thaw; `none` is no signal. MODE `alone` has no guard.
const [dir = '', mode, signal = 'none', times, limit] = process.argv.slice(2)
const program = [process.execPath, '--no-warnings', join(import.meta.dirname, 'thaw-guard.ts')]
const alone: StartThawGuard = async () => ({ async release() {} })
const startGuard = mode === 'alone' ? alone : createStartThawGuard(program, Number(limit))
const io = await loadFreezeIo()
let frozen = 0
const stopping: typeof io = {
  ...io,
  call(fd, what) {
    if (what === 'thaw' && signal !== 'none' && frozen === Number(times)) {
      process.kill(process.pid, signal as NodeJS.Signals)
    }
    const answer = io.call(fd, what)
    if (what === 'freeze' && answer === 0) frozen += 1
    return answer
  },
}
for (let i = 0; i < Number(times); i += 1) {
  const settled = await settle(dir, { io: stopping, startGuard, signal: new AbortController().signal })
  process.stdout.write(`${JSON.stringify(settled)}\n`)
}
