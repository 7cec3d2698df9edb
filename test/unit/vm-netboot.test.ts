import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { autoexecScript, netbootScript } from '../vm/harness/netboot.ts'

const urls = { kernelUrl: 'http://h/vmlinuz', initrdUrl: 'http://h/initrd.img' }

test('kernel, initramfs by name, command line, and a way out', () => {
  assert.is(
    netbootScript({ ...urls, cmdline: 'console=ttyS0 SPEEDISO=inventory' }),
    `#!ipxe
kernel http://h/vmlinuz initrd=initrd.img BOOTIF=01-\${netX/mac:hexhyp} console=ttyS0 SPEEDISO=inventory || goto failed
initrd --name initrd.img http://h/initrd.img || goto failed
boot || goto failed
:failed
echo netboot failed: see the lines above
exit 1
`,
  )
})

test('settings of iPXE pass through', () => {
  const cmdline = 'ip=${net0/ip}::${net0/gateway}:${net0/netmask}::eth0:none'
  assert.ok(netbootScript({ ...urls, cmdline }).includes(` ${cmdline} ||`))
})

test('a UEFI machine goes on to the script', () => {
  const lines = autoexecScript('http://h/boot.ipxe').split('\n')
  assert.is(lines[0], '#!ipxe')
  assert.match(lines[1] ?? '', /^dhcp && chain --replace http:\/\/h\/boot\.ipxe \|\| echo netboot failed/)
})

const refused: [name: string, netboot: Partial<Parameters<typeof netbootScript>[0]>, message: RegExp][] = [
  ['two lines', { cmdline: 'a\nexit' }, /one line of printable ASCII/],
  ['not ASCII', { cmdline: 'a=ü' }, /one line of printable ASCII/],
  ['the end of a command', { cmdline: 'a || b' }, /iPXE reads "\|\|" as the end/],
  ['another command', { cmdline: 'a ; b' }, /iPXE reads ";" as the end/],
  ['a kernel in two words', { cmdline: '', kernelUrl: 'http://h/a b' }, /a URL has no spaces/],
  ['an initramfs in two words', { cmdline: '', initrdUrl: 'http://h/a\tb' }, /a URL has no spaces/],
]
for (const [name, netboot, message] of refused) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => netbootScript({ ...urls, cmdline: '', ...netboot }),
      (error: unknown) => error instanceof InputError && message.test(error.message),
    )
  })
}

test('a semicolon inside a word is none of iPXE’s business', () => {
  assert.ok(netbootScript({ ...urls, cmdline: 'a=1;2' }).includes(' a=1;2 ||'))
})

test.run()
