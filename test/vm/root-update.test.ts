import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { harnessDeps } from './harness/index.ts'
import { type HostLife, installedHost, UP } from './root-life.ts'

/** One host's life: each test starts from what the one before has left. */

const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })
const { exec } = deps
/** A key that nobody signs with here. */
const KEY = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString()

let host: HostLife
let cloud = ''
let keyed = ''

test.before(async () => {
  host = await installedHost(
    'root-update',
    'speediso.root.tries=2',
    async ({ make }) => {
      cloud = await make('cloud', 'cloud', 2)
      keyed = await make('keyed', 'plain', 3, { files: { '/etc/speediso/root-keys/nobody.pem': KEY } })
      return make('first', 'plain', 1)
    },
    deps,
  )
  await host.start()
})

test.after(async () => {
  await host?.[Symbol.asyncDispose]()
})

test('a staged image runs after one boot, and is confirmed', async () => {
  assert.is((await host.running()).version, '1')
  await host.between(async (hostpart) => {
    await exec('cp', ['--sparse=always', cloud, join(hostpart, 'data/cloud.img')])
  })
  const said = await host.shell.ok('speediso root stage /hostpart/data/cloud.img', UP)
  assert.match(said, 'GRUB reads /boot/kernel byte for byte')
  const since = host.machine.serial.length
  await host.reboot()
  const now = await host.running()
  assert.is(now.version, '2')
  assert.match(now.kernel, 'cloud')
  const kernels = host.machine.serial.lines.slice(since).filter((line) => line.includes('Linux version'))
  assert.is(kernels.length, 1, 'one boot')
  await host.confirmed()
  assert.match(await host.shell.ok('speediso root status'), /current image: confirmed/)
})

test('a revert by flag works on a full hostpart, and leads into the kernel of the old image', async () => {
  const fill = 'dd if=/dev/zero of=/hostpart/data/fill bs=1M; dd if=/dev/zero of=/hostpart/data/rest bs=512'
  await host.shell.ok(`{ ${fill}; } 2> /dev/null; sync; touch /hostpart/system-revert`, UP)
  await host.reboot()
  const now = await host.running()
  assert.is(now.version, '1')
  assert.not.match(now.kernel, 'cloud')
  const files = await host.shell.ok('ls /hostpart')
  assert.match(files, 'hn-root-broken.img')
  assert.not.match(files, 'system-revert')
  const { code, output } = await host.shell.run('speediso root stage /hostpart/data/cloud.img', UP)
  assert.is.not(code, 0)
  assert.match(output, /free, and .* are to be written/)
  await host.shell.ok('rm /hostpart/data/fill /hostpart/data/rest /hostpart/hn-root-broken.img')
})

test('a truncated image is set aside with its reason; the host boots what it had', async () => {
  await host.between(async (hostpart) => {
    await exec('cp', ['--sparse=always', cloud, join(hostpart, 'hn-root-new.img')])
    await exec('truncate', ['--size=-64M', join(hostpart, 'hn-root-new.img')])
  })
  const { version, outcome } = await host.running()
  assert.equal([version, outcome], ['1', 'refused'])
  assert.match(await host.shell.ok('cat /hostpart/hn-root-rejected.txt'), 'copy it whole')
  await host.shell.ok('rm /hostpart/hn-root-rejected.img')
})

test('dropped in beside a request to revert: the image waits', async () => {
  await host.between(async (hostpart) => {
    await exec('cp', ['--sparse=always', keyed, join(hostpart, 'hn-root-new.img')])
    await exec('touch', [join(hostpart, 'system-revert')])
  })
  assert.is((await host.running()).version, '1')
  assert.match(await host.shell.ok('ls /hostpart'), 'hn-root-held.img')
})

test('a current image without the modules of its kernel: the old one runs, and stays the one to go back to', async () => {
  await host.between(async (hostpart) => {
    await exec('cp', ['--sparse=always', cloud, join(hostpart, 'hn-root-old.img')])
    const at = join(hostpart, 'image')
    await exec('mkdir', [at])
    await exec('mount', ['-o', 'loop', join(hostpart, 'hn-root.img'), at])
    try {
      await exec('mv', [join(at, 'usr/lib/modules'), join(at, 'usr/lib/modules.gone')])
    } finally {
      await exec('umount', [at])
      await exec('rmdir', [at])
    }
  })
  const { version, outcome, kernel } = await host.running()
  assert.equal([version, outcome], ['2', 'fallback'])
  assert.match(kernel, 'cloud')
  assert.not.match(await host.shell.ok('speediso root history'), 'chosen')
  await host.shell.ok('speediso root stage /hostpart/hn-root-held.img', UP)
  const status = await host.shell.ok('speediso root status')
  assert.match(status, /hn-root-old\.img .* 2,.* runs/, status)
  await host.reboot()
  assert.is((await host.running()).version, '3')
  await host.confirmed()
})

test('a host with trust keys takes no image that they have not signed', async () => {
  const { code, output } = await host.shell.run('speediso root stage /hostpart/data/cloud.img', UP)
  assert.is(code, 1)
  assert.match(output, /no manifest|signed/)
})

test.run()
