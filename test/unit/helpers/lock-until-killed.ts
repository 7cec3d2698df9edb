import { takeLock } from '../../../src/runtime/lock.ts'

/** Takes a lock as soon as a line comes, says whether it got it, and keeps it until it is killed. */
const [, , path = '', at = 'once'] = process.argv
if (at === 'line') await new Promise((resolve) => process.stdin.once('data', resolve))
try {
  await takeLock(path)
  process.stdout.write('taken\n')
} catch (error) {
  process.stdout.write(`${(error as Error).message}\n`)
}
setInterval(() => {}, 60_000)
