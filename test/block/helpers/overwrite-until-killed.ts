import { runDiskWork } from '../../../src/system/disk-io/run.ts'
import { workDeps } from './disk-work.ts'

// A program for tests that kill it: `node overwrite-until-killed.ts DEVICE BYTES` overwrites a disk, stops its worker
// in the middle and says which it is.
const [path = '', bytes] = process.argv.slice(2)
let said = false
const deps = workDeps({
  progress(done) {
    if (said || done === 0) return
    process.kill(deps.pids[0] ?? 0, 'SIGSTOP')
    process.stdout.write(`worker ${deps.pids[0]}\n`)
    said = true
  },
})
const request = {
  path,
  sizeBytes: Number(bytes),
  sectorBytes: 512,
  pattern: { kind: 'zero' },
  from: 0,
} as const
await runDiskWork({ work: 'overwrite', ...request }, deps)
process.stdout.write('done\n')
