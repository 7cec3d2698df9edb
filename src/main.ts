import { watchOutput } from './output.ts'
import { DISK_WORKER, THAW_GUARD } from './system/worker/kinds.ts'
import { versionText } from './version.ts'

const args = process.argv.slice(2)
const output = watchOutput(process.stdout, process.stderr)
// What could not be shown may be the very thing that was asked for: the outcome is unknown then (exit.ts).
process.on('exit', () => {
  if (output.lost && (process.exitCode ?? 0) === 0) process.exitCode = 3
})
// Before anything else is loaded: a worker is small and starts at once, and asking for the version is what scripts do most.
if (args[0] === DISK_WORKER) {
  void import('./system/worker/disk.ts').then(({ runDiskWorker }) => runDiskWorker())
} else if (args[0] === THAW_GUARD) {
  void import('./root/freeze-guard.ts').then(({ runThawGuard }) => runThawGuard(Number(args[1])))
} else if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  process.stdout.write(`${versionText()}\n`)
} else {
  // No top-level await: the executable's bundle is a CommonJS module, which starts faster.
  void import('./cli/main.ts').then(({ main }) => main(args))
}
