import { systemClock } from '../clock.ts'
import type { WorkProgress } from '../disk-io/report.ts'
import type { Checkpoint, WorkerMessage, WorkRequest } from '../disk-io/schema.ts'
import { doWork } from '../disk-io/work.ts'

/** Progress is told at most so often, in milliseconds. */
const TELL_EVERY = 250

/**
 * The whole of a disk's worker process (worker.ts): one request as a JSON line on stdin, messages as JSON lines on
 * stdout. It ends with its parent: the end of stdin is the parent's end, whatever that died of.
 */
export function runDiskWorker(): void {
  let text = ''
  let begun = false
  process.stdin.setEncoding('utf8')
  process.stdin.on('data', (chunk: string) => {
    if (begun) return
    text += chunk
    const end = text.indexOf('\n')
    if (end < 0) return
    begun = true
    void work(text.slice(0, end))
  })
  const end = () => {
    if (!begun) process.exit(2)
    // Exiting would wait for reads and writes that are under way, which may hang.
    process.kill(process.pid, 'SIGKILL')
  }
  process.stdin.on('end', end)
  process.stdin.on('close', end)
  process.stdout.on('error', end)
}

function tell(message: WorkerMessage, told?: () => void): void {
  process.stdout.write(`${JSON.stringify(message)}\n`, told)
}

async function work(line: string): Promise<void> {
  let progress: (() => WorkProgress) | undefined
  let last = ''
  const tellProgress = () => {
    if (progress === undefined) return
    const message: WorkerMessage = { kind: 'progress', ...progress() }
    const text = JSON.stringify(message)
    if (text !== last) tell(message)
    last = text
  }
  const timer = setInterval(tellProgress, TELL_EVERY)
  const report = {
    watch(read: () => WorkProgress) {
      progress = read
      tellProgress()
    },
    checkpoint: (checkpoint: Checkpoint) => tell({ kind: 'checkpoint', ...checkpoint }),
  }
  // The parent has checked it by its schema, which this process does without: it would double its start.
  const end = await doWork(JSON.parse(line) as WorkRequest, report, systemClock)
  clearInterval(timer)
  tellProgress()
  tell({ kind: 'end', end }, () => process.exit(0))
}
