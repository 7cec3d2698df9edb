import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

/**
 * Runs the checks and the tests: one process a file, each with a time limit. A file passes only when it ends with 0 and
 * says how many tests it ran, so that a forgotten `test.run()` is a failure and not silence.
 */
interface Suite {
  name: string
  files: string
  /** Milliseconds for one file. */
  limit: number
  /** How many files at once. */
  parallel: number
  /** Scripts that must have succeeded before, each with its arguments. */
  needs: string[][]
}

const MINUTE = 60_000
const SUITES: Suite[] = [
  {
    name: 'unit',
    files: 'test/unit/**/*.test.ts',
    limit: MINUTE,
    parallel: availableParallelism(),
    needs: [],
  },
  {
    name: 'binary',
    files: 'test/binary/*.test.ts',
    limit: 3 * MINUTE,
    parallel: 1,
    needs: [['packaging/binary/main.ts']],
  },
  { name: 'block', files: 'test/block/*.test.ts', limit: 5 * MINUTE, parallel: 1, needs: [] },
  {
    name: 'vm',
    files: 'test/vm/*.test.ts',
    limit: 12 * MINUTE,
    parallel: 1,
    needs: [['packaging/binary/main.ts'], ['packaging/image/main.ts']],
  },
]
/** Not the whole tree: links of the image overlay point into an image. */
const LINTED = ['src', 'tasks', 'packaging', 'test', 'package.json', 'tsconfig.json', 'biome.json']
const CHECKS: [name: string, command: string[]][] = [
  ['types', ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.']],
  ['lint and format', ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', ...LINTED]],
]

interface Count {
  passed: number
  failed: number
  skipped: number
}

interface Ran {
  /** How it ended other than well, for people. */
  fault: string | undefined
  output: string
  seconds: number
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' } },
})
if (values.help) {
  process.stdout.write('npm test [-- PART ...]   only the suites or files whose path holds PART\n')
} else {
  const wanted = (path: string) => positionals.length === 0 || positionals.some((part) => path.includes(part))
  const count: Count = { passed: 0, failed: 0, skipped: 0 }
  const needed = new Map<string, boolean>()
  if (positionals.length === 0) for (const [name, command] of CHECKS) add(count, await check(name, command))
  for (const suite of SUITES) {
    const files = globSync(suite.files).sort().filter(wanted)
    let ready = true
    for (const script of files.length === 0 ? [] : suite.needs) {
      const key = script.join(' ')
      if (!needed.has(key)) {
        const built = await check(key, script, 20 * MINUTE)
        add(count, built)
        needed.set(key, built.failed === 0)
      }
      ready &&= needed.get(key) === true
    }
    if (!ready) {
      add(count, { passed: 0, failed: files.length, skipped: 0 })
      say(`${suite.name}: not run, because what it needs was not built`)
      continue
    }
    const queue = [...files]
    await Promise.all(
      Array.from({ length: suite.parallel }, async () => {
        for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
          add(count, await runFile(file, suite.limit))
        }
      }),
    )
  }
  if (count.passed + count.failed + count.skipped === 0) {
    say(`no test's path holds ${positionals.join(' or ')}`)
    count.failed = 1
  }
  say(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
  process.exitCode = count.failed === 0 ? 0 : 1
}

async function check(name: string, command: string[], limit = 5 * MINUTE): Promise<Count> {
  const { fault, output, seconds } = await run(command, limit)
  say(`${fault === undefined ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)`)
  if (fault !== undefined) say(`${output}\n${name}: ${fault}`)
  return { passed: fault === undefined ? 1 : 0, failed: fault === undefined ? 0 : 1, skipped: 0 }
}

async function runFile(file: string, limit: number): Promise<Count> {
  const ran = await run([file], limit)
  const total = tally(ran.output, 'Total')
  const passed = tally(ran.output, 'Passed')
  const skipped = tally(ran.output, 'Skipped')
  const fault = ran.fault ?? (total === 0 ? 'it ran no test; is test.run() there?' : undefined)
  const line = fault === undefined ? `ok     ${file}: ${passed} tests` : `FAILED ${file}: ${fault}`
  say(`${line} (${ran.seconds.toFixed(1)} s)${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  if (fault !== undefined) say(ran.output)
  return { passed, failed: fault === undefined ? 0 : Math.max(1, total - passed - skipped), skipped }
}

/** Of uvu's closing lines, such as `  Passed:    12`. */
function tally(output: string, what: string): number {
  const lines = [...output.matchAll(new RegExp(`^\\s+${what}:\\s+(\\d+)`, 'gm'))]
  return Number(lines.at(-1)?.[1] ?? 0)
}

/** Runs a script with this Node; past its limit the whole process group is ended. */
async function run(command: string[], limit: number): Promise<Ran> {
  const from = performance.now()
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  let late = false
  const stop = () => {
    late = true
    endGroup(child.pid)
  }
  const timer = setTimeout(stop, limit)
  const interrupted = () => endGroup(child.pid)
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.on('error', (error) => {
      output += error.message
      resolve([null, null])
    })
    child.on('close', (...end) => resolve(end))
  })
  process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
  clearTimeout(timer)
  const fault = late
    ? `did not end within ${limit / 1000} s`
    : code === 0
      ? undefined
      : `ended with ${code === null ? `signal ${signal}` : `exit code ${code}`}`
  return { fault, output, seconds: (performance.now() - from) / 1000 }
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGTERM')
    setTimeout(() => {
      try {
        process.kill(-pid, 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
    }, 5000).unref()
  } catch {
    // It has ended by itself.
  }
}

function add(count: Count, more: Count): void {
  count.passed += more.passed
  count.failed += more.failed
  count.skipped += more.skipped
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
