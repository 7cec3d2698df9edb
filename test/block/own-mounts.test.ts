import { execFileSync, spawn } from 'node:child_process'
import { ftruncateSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run } from '../runner/process.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'

const dir = temporaryDir()
const never = new AbortController().signal

/** Mounts an image, says so, and unmounts it when it is told to; then tells the loop devices that are left of it. */
const SCRIPT = `
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
const [dir] = process.argv.slice(2)
mkdirSync(dir + '/at')
execFileSync('mount', ['-o', 'loop', dir + '/image', dir + '/at'])
writeFileSync(dir + '/mounted', '')
while (!existsSync(dir + '/copied')) await new Promise((resolve) => setTimeout(resolve, 20))
execFileSync('umount', [dir + '/at'])
console.log('left: ' + execFileSync('losetup', ['-j', dir + '/image'], { encoding: 'utf8' }))
`

/** What is left of an image's loop device when another makes a mount namespace while the image is mounted. */
async function leftOf(name: string, ownMounts: boolean): Promise<string> {
  const at = join(dir, name)
  execFileSync('mkdir', [at])
  ftruncateSync(openSync(join(at, 'image'), 'wx'), 2 ** 20)
  execFileSync('mkfs.ext4', ['-q', '-F', '-O', '^has_journal', join(at, 'image')])
  const script = join(at, 'script.mjs')
  writeFileSync(script, SCRIPT)
  const running = run([script, at], 30_000, never, { ownMounts })
  const wait = 'until [ -e "$1/mounted" ]; do sleep 0.05; done'
  execFileSync('timeout', ['20', 'sh', '-c', wait, 'sh', at])
  const say = 'echo ready && exec sleep 60'
  const other = spawn('unshare', ['--mount', 'sh', '-c', say], { stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    await new Promise((resolve, reject) => other.once('exit', reject).stdout.once('data', resolve))
    writeFileSync(join(at, 'copied'), '')
    const { fault, output } = await running
    assert.is(fault, undefined, output)
    return output.replace('left: ', '').trim()
  } finally {
    const ended = new Promise((resolve) => other.once('exit', resolve))
    if (other.kill('SIGKILL')) await ended
  }
}

test('with mounts of its own, a test lets go of what it unmounts though another copies the mounts', async () => {
  assert.is(await leftOf('own', true), '')
})

test('control: with the mounts of all, it does not', async () => {
  assert.match(await leftOf('shared', false), /loop\d+/)
})

test.run()
