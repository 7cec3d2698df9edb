import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describeWipePlan } from '../../tasks/wipe/plan/describe.ts'
import { planWipe } from '../../tasks/wipe/plan/plan.ts'
import type { WipeFacts } from '../../tasks/wipe/schema.ts'
import { WIDTH, wrap } from '../../tasks/wipe/text.ts'
import { ata, disk, machine, node, nvme, optionsOf } from './helpers/wipe-machines.ts'

const told = (facts: WipeFacts, options: Record<string, string> = {}) =>
  describeWipePlan(facts, planWipe(facts, optionsOf(options)))

const signature = { type: 'ext4', usage: 'filesystem', offset: 1080, label: 'home' } as const

test('of each disk who it is, what is on it, how it is erased and proved, and how long that takes', () => {
  const hdd = disk('sda', {
    model: 'ACME HDD 1T',
    wwn: '0x5000c500a1b2c3d4',
    capabilities: ata({ sectors: { current: 1_000_000, native: 1_953_525_168 } }),
  })
  const ssd = disk('nvme0n1', {
    transport: 'nvme',
    model: null,
    capabilities: nvme({ unallocatedBytes: 5e11, namespaces: [{ nsid: 1, path: '/dev/nvme0n1' }] }),
  })
  const facts = machine({
    disks: [hdd, ssd, disk('sdb', { readOnly: true }), disk('sdc')],
    nodes: [
      node('sda1', { on: ['sda'], signatures: [signature] }),
      node('dm-0', { kind: 'dm', dmRole: 'crypt', dmName: 'secret', on: ['sda1'], mounts: ['/home'] }),
    ],
    unseen: ['no driver for the storage controller at 0000:03:00.0'],
  })
  const lines = told(facts, { level: 'clear', exclude: '/dev/sdc', disks: 'all' })
  assert.equal(lines, [
    'wipe: disks: 2 to erase, 1 refused, 1 left alone; takes at least 3h43m; nothing was changed',
    '',
    '/dev/sda  1 TB sata hdd, ACME HDD 1T, serial SN-sda, wwn 0x5000c500a1b2c3d4',
    '  holds       sda no known content',
    '                sda1 ext4 label home',
    '                  secret (opened LUKS, dm-0) no known content, mounted at /home',
    '  first       unmount /home, close the encrypted device secret',
    '  then        restore the 1952525168 hidden sectors of /dev/sda (SN-sda)',
    '  erase       overwrite, one pass of zero; level: clear',
    '  if rejected ata-security-erase',
    '  verify      read all of it back (after overwrite)',
    '  verify      look for the canaries, read a tenth back (after ata-security-erase)',
    '  time        about 1h52m to erase, about 1h52m to verify',
    '',
    '/dev/nvme0n1  1 TB nvme ssd, model not known, serial SN-nvme0n1',
    '  holds       nvme0n1 no known content',
    '  erase       nvme-format-user-data; level: clear',
    '  if rejected overwrite, one pass of zero',
    '  verify      look for the canaries, read a tenth back (after nvme-format-user-data)',
    '  verify      read all of it back (after overwrite)',
    '  doubt       the verdict will be unknown: 500 GB of the drive are in no namespace: only a sanitize',
    '              reaches them',
    '  time        erase not known, about 2m to verify',
    '',
    'Refused, and so the wipe will count as failed',
    '  /dev/sdb  1 TB sata hdd, ACME sata, serial SN-sdb',
    '  because     it is read-only',
    '  hint        look for a write-protect switch; a worn-out drive turns read-only too',
    '  holds       sdb no known content',
    '',
    'Left alone',
    '  /dev/sdc  1 TB sata hdd, ACME sata, serial SN-sdc: left out by speediso.wipe.exclude=/dev/sdc',
    '',
    'There may be more than is seen, so the verdict will be unknown',
    '  no driver for the storage controller at 0000:03:00.0',
  ])
})

test('quick says in capitals that it erases nothing', () => {
  const lines = told(machine({ disks: [disk('sda')] }), { quick: 'yes' })
  assert.match(lines[0] ?? '', '1 to lose signatures only, WITHOUT ERASING DATA; takes seconds')
  assert.match(lines.join('\n'), 'partition tables and signatures only; the data stays')
})

test('names from drives cannot scramble the console, and no line is wider than it', () => {
  const odd = disk('sda', { model: `Evil\u001b[2J${'x'.repeat(300)}`, serial: '\u202eabc' })
  for (const line of told(machine({ disks: [odd] }))) {
    assert.match(line, /^[\x20-\x7e]*$/)
    assert.ok(line.length <= WIDTH, line)
  }
})

test('words are wrapped at the width, and longer ones cut into pieces; nothing is lost', () => {
  const text = `${'word '.repeat(60)}${'y'.repeat(250)} end`
  const lines = wrap(text, '  label  ')
  for (const line of lines) assert.ok(line.length <= WIDTH)
  assert.is(
    lines
      .map((line) => line.slice(9))
      .join('')
      .replaceAll(' ', ''),
    text.replaceAll(' ', ''),
  )
})

test.run()
