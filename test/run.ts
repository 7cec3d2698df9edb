import { globSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { run } from './runner/process.ts'
import { CHECKS, MINUTE, SUITES, type Suite } from './runner/suites.ts'

/**
 * Runs the checks and the tests: one process a file, each with a time limit. A file passes only when it ends with 0 and
 * says how many tests it ran, so that a forgotten `test.run()` is a failure and not silence.
 */
interface Count {
  passed: number
  failed: number
  skipped: number
}

const count: Count = { passed: 0, failed: 0, skipped: 0 }
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' } },
})
if (values.help) say('npm test [-- PART ...]   only the files whose path holds PART')
else {
  await runAll((path) => positionals.length === 0 || positionals.some((part) => path.includes(part)))
  if (count.passed + count.failed + count.skipped === 0) {
    say(`no test's path holds ${positionals.join(' or ')}`)
    count.failed = 1
  }
  if (stop.signal.aborted) say('interrupted: not all was run')
  say(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
  process.exitCode = count.failed === 0 && !stop.signal.aborted ? 0 : 1
}

async function runAll(wanted: (path: string) => boolean): Promise<void> {
  const built = new Map<string, boolean>()
  if (positionals.length === 0) for (const [name, command] of CHECKS) await check(name, command, 5 * MINUTE)
  for (const suite of SUITES) {
    const { first = [] } = suite
    const rest = globSync(suite.files).filter((file) => !first.includes(file))
    const files = [...first, ...rest.sort()].filter(wanted)
    if (files.length === 0 || stop.signal.aborted) continue
    for (const script of suite.needs) {
      if (!built.has(script)) built.set(script, await check(script, script.split(' '), 20 * MINUTE))
    }
    if (suite.needs.some((script) => built.get(script) !== true)) {
      count.failed += files.length
      say(`${suite.name}: not run, because what it needs was not built`)
      continue
    }
    const next = async () => {
      for (let file = files.shift(); file !== undefined && !stop.signal.aborted; file = files.shift()) {
        await runFile(file, suite)
      }
    }
    await Promise.all(Array.from({ length: suite.parallel }, next))
  }
}

async function check(name: string, command: string[], limit: number): Promise<boolean> {
  const { fault, output, seconds } = await run(command, limit, stop.signal)
  say(`${fault === undefined ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)`)
  if (fault === undefined) count.passed += 1
  else {
    count.failed += 1
    say(`${output}\n${name}: ${fault}`)
  }
  return fault === undefined
}

async function runFile(file: string, { limit, ...how }: Suite): Promise<void> {
  const ran = await run([file], limit, stop.signal, how)
  const [total, passed, skipped] = ['Total', 'Passed', 'Skipped'].map((what) => tally(ran.output, what))
  const fault =
    ran.fault ??
    (total === 0
      ? 'it ran no test; is test.run() there?'
      : // uvu ends with 0 when a `before` hook throws.
        (passed ?? 0) + (skipped ?? 0) < (total ?? 0)
        ? 'not all of its tests were run'
        : undefined)
  const line = fault === undefined ? `ok     ${file}: ${passed} tests` : `FAILED ${file}: ${fault}`
  say(`${line} (${ran.seconds.toFixed(1)} s)${skipped === 0 ? '' : `, ${skipped} skipped`}`)
  if (fault !== undefined) say(ran.output)
  else for (const [figure] of ran.output.matchAll(/(?<=figure: ).*/g)) say(`       ${figure}`)
  count.passed += passed ?? 0
  count.skipped += skipped ?? 0
  if (fault !== undefined) count.failed += Math.max(1, (total ?? 0) - (passed ?? 0) - (skipped ?? 0))
}

/** Of uvu's closing lines, such as `  Passed:    12`. */
function tally(output: string, what: string): number {
  const lines = [...output.matchAll(new RegExp(`^\\s+${what}:\\s+(\\d+)`, 'gm'))]
  return Number(lines.at(-1)?.[1] ?? 0)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
