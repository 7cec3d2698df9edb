import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { commands } from '../../src/cli/commands.ts'
import { registry } from '../../tasks/registry.ts'
import { speediso } from './helpers/program.ts'

const names = [...Object.keys(commands), ...Object.keys(registry)]

test('--version, -V and --version after a command', async () => {
  for (const args of [['--version'], ['-V'], ['job', '--version']]) {
    const { code, stdout } = await speediso(args)
    assert.is(code, 0)
    assert.match(stdout, /^speediso \d+\.\d+\.\d+ \(.+\)\n$/)
  }
})

for (const args of [['--help'], ['-h'], ['help']]) {
  test(`speediso ${args.join(' ')} lists every command, with what it does`, async () => {
    const { code, stdout, stderr } = await speediso(args)
    assert.is(code, 0)
    assert.is(stderr, '')
    for (const name of names) assert.match(stdout, new RegExp(`^  speediso ${name} +\\S`, 'm'))
  })
}

for (const name of names) {
  test(`help of ${name} has an example of it, wherever it is asked for`, async () => {
    const { code, stdout } = await speediso([name, '--help'])
    assert.is(code, 0)
    assert.match(stdout, new RegExp(`Examples:\\n\\s+speediso ${name}`))
    for (const args of [
      [name, '-h'],
      ['--help', name],
      ['help', name],
    ]) {
      assert.is((await speediso(args)).stdout, stdout)
    }
  })
}

/** Packages that are loaded for a command. */
async function loaded(args: string[]): Promise<string[]> {
  const hook = `--import=${join(import.meta.dirname, 'helpers/print-modules.ts')}`
  const { stderr } = await speediso(args, { env: { NODE_OPTIONS: hook } })
  return /^modules: (.*)$/m.exec(stderr)?.[1]?.split(' ') ?? []
}

test('a command loads no package that it does not need', async () => {
  assert.equal(await loaded(['--version']), [''])
  for (const args of [
    ['job', '--cmdline', ''],
    ['job', '--help'],
    ['log', '--help'],
    ['status', '--run-dir', '/proc'],
  ]) {
    const packages = await loaded(args)
    assert.ok(packages.includes('yargs'))
    for (const heavy of ['ws', '@nats-io/transport-node', '@nats-io/jetstream'])
      assert.not(packages.includes(heavy), `${args.join(' ')} loads ${heavy}`)
  }
})

test('negative control: the command that needs ws does load it', async () => {
  assert.ok((await loaded(['log', 'ws://127.0.0.1:1/?token=abcdefgh', '--since', '1x'])).includes('ws'))
})

test.run()
