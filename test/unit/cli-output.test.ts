import { spawn } from 'node:child_process'
import { existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { temporaryDir } from './helpers/temporary.ts'

const MAIN = join(import.meta.dirname, '../../src/main.ts')
const FULL = openSync('/dev/full', 'w')

async function run(
  args: string[],
  stdout: number | 'pipe',
): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, ['--no-warnings', MAIN, ...args], {
    stdio: ['ignore', stdout, 'pipe'],
  })
  // A reader that goes away at once.
  child.stdout?.destroy()
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return { code: await new Promise((resolve) => child.on('close', resolve)), stderr }
}

const commands = [['--version'], ['--help'], ['job', '--cmdline', ''], ['inventory', '--plan', '--json']]
for (const args of commands) {
  test(`speediso ${args.join(' ')} on a full disk: a plain message, and the outcome is unknown`, async () => {
    const { code, stderr } = await run(args, FULL)
    assert.is(code, 3)
    assert.match(stderr, /^speediso: the output cannot be written: ENOSPC: no space left on device, write\n$/)
  })

  test(`negative control: speediso ${args.join(' ')} to a reader that goes away`, async () => {
    assert.equal(await run(args, 'pipe'), { code: 0, stderr: '' })
  })
}

test('bad input stays bad input when there is nowhere to write', async () => {
  assert.is((await run(['job', '--json', '--cmdline', 'speediso.x=1'], FULL)).code, 2)
})

test('report --output to where nothing can be written', async () => {
  const dir = temporaryDir()
  const kept = join(dir, 'run')
  await run(['inventory', '--sections', 'boot', '--run-dir', kept], 'pipe')
  for (const [path, code] of [
    [join(dir, 'no/folder.html'), 'ENOENT'],
    ['/dev/full', 'ENOSPC'],
  ] as const) {
    const ended = await run(['report', '--run-dir', kept, '--format', 'html', '--output', path], 'pipe')
    assert.is(ended.code, 2)
    assert.is(ended.stderr, `speediso: --output ${path}: cannot be written (${code})\n`)
  }
  assert.not.ok(existsSync(join(dir, 'no')))
})

test.run()
