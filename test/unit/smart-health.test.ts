import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError, ToolMissingError } from '../../src/errors.ts'
import { compareHealth, healthChange } from '../../src/system/block/smart-compare.ts'
import { readSmartHealth, type SmartHealth, smartHealthSchema } from '../../src/system/block/smart-health.ts'
import type { Exec } from '../../src/system/exec.ts'
import { absent, type Finding, known, unknown } from '../../src/system/finding.ts'

const fixture = (name: string) =>
  readFileSync(new URL(`../fixtures/smart/${name}.json`, import.meta.url), 'utf8')

interface Call {
  args: string
  timeout: number | undefined
  signal: AbortSignal | undefined
}

/** A smartctl that answers as recorded, with the exit code that the document states. */
function answering(answers: (args: string) => string, calls: Call[] = []): Exec {
  return async (file, args, options = {}) => {
    assert.is(file, 'smartctl')
    calls.push({ args: args.join(' '), timeout: options.timeout, signal: options.signal })
    const stdout = answers(args.join(' '))
    const code = Number(/"exit_status": *(\d+)/.exec(stdout)?.[1] ?? 0)
    // As the real one does: another exit code than those that are allowed is an error.
    if (code !== 0 && !options.okExitCodes?.includes(code)) throw new CommandError(`exit code ${code}`)
    return { stdout, stderr: '', exitCode: code }
  }
}

const read = (name: string, path = '/dev/sda') =>
  readSmartHealth(
    answering(() => fixture(name)),
    path,
  )

async function health(name: string, path?: string): Promise<SmartHealth> {
  const finding = await read(name, path)
  if (finding.status !== 'known') throw new Error(`${finding.status}: ${finding.reason}`)
  return smartHealthSchema.parse(finding.value)
}

const reasonOf = (finding: Finding<unknown>) =>
  finding.status === 'known' ? 'known' : `${finding.status}: ${finding.reason}`

test('ATA: the attributes, with the number that smartctl shows and not all 48 bits', async () => {
  assert.equal(await health('ata-hdd'), {
    passed: true,
    temperatureC: 31,
    powerOnHours: 41210,
    percentageUsed: null,
    reallocated: 8,
    pending: 0,
    offlineUncorrectable: 0,
    uncorrectable: 2,
    interfaceErrors: 4,
    errorLogEntries: 3,
    spare: null,
    warnings: [],
  })
})

test('ATA: numbers that a maker uses for something else are not taken', async () => {
  const values = await health('ata-ssd-other-attributes')
  assert.is(values.passed, true, 'bit 2 of the exit status says nothing of the drive')
  assert.equal(
    [
      values.reallocated,
      values.pending,
      values.offlineUncorrectable,
      values.uncorrectable,
      values.interfaceErrors,
    ],
    [null, null, null, null, null],
  )
  assert.is(values.percentageUsed, 12, 'of the device statistics')
})

test('ATA: what fails now and what has failed is told', async () => {
  const { passed, warnings, pending, offlineUncorrectable } = await health('ata-hdd-failing')
  assert.is(passed, false)
  assert.equal([pending, offlineUncorrectable], [8, 6])
  assert.equal(warnings, [
    'the drive says that it is failing',
    'attribute 5 (Reallocated_Sector_Ct) is at or below its threshold: value 1, threshold 5',
    'attribute 10 (Spin_Retry_Count) has been at or below its threshold: value 100, threshold 60',
    'its log of self-tests holds failed ones',
  ])
})

test('NVMe: the health log, and each bit of its critical warning', async () => {
  const good = await health('nvme')
  assert.equal(
    [good.percentageUsed, good.uncorrectable, good.errorLogEntries, good.spare, good.warnings],
    [3, 0, 17, { available: 100, threshold: 10 }, []],
  )
  const { warnings } = await health('nvme-worn')
  assert.equal(warnings, [
    'the drive says that it is failing',
    'the drive warns: its spare capacity is below the threshold',
    'the drive warns: its reliability is degraded by media errors or an internal error',
  ])
})

test('SCSI: grown and pending defects, uncorrected errors of all three counters', async () => {
  const { passed, reallocated, pending, uncorrectable, errorLogEntries } = await health('scsi')
  assert.equal([passed, reallocated, pending, uncorrectable, errorLogEntries], [true, 2, 1, 3, null])
})

test('nothing to ask: absent with its reason, without asking', async () => {
  const calls: Call[] = []
  const exec = answering(() => '', calls)
  for (const path of ['/dev/vda', '/dev/loop0', '/dev/xvdb', '/dev/mmcblk0', '/dev/pmem0'])
    assert.match(reasonOf(await readSmartHealth(exec, path)), /^absent: \S/, path)
  assert.is(calls.length, 0)
  assert.is(reasonOf(await read('scsi-without-smart')), 'absent: the drive has no SMART')
})

test('no answer is unknown, and never a healthy drive', async () => {
  const missing: Exec = async () => {
    throw new ToolMissingError('smartctl: not installed')
  }
  assert.is(reasonOf(await readSmartHealth(missing, '/dev/sda')), 'unknown: smartctl is not installed')
  const hangs: Exec = async () => {
    throw new CommandError('smartctl did not end within 60000 ms')
  }
  assert.match(reasonOf(await readSmartHealth(hangs, '/dev/sda')), /^unknown: smartctl did not end/)
  const texts: [string, RegExp][] = [
    ['', /^unknown: .*not the JSON/],
    ['{"smartctl":{"exit_status":0}', /^unknown: .*not the JSON/],
    ['[]', /^unknown: .*not the JSON/],
    ['{"smartctl":{"exit_status":0}}', /^unknown: the drive states nothing of its health/],
    ['{"smartctl":{"exit_status":0},"temperature":{"current":30}}', /^unknown: the drive states nothing/],
    [
      '{"smartctl":{"exit_status":0},"smart_support":{"available":true,"enabled":false}}',
      /^unknown: SMART is switched off/,
    ],
    ['{"smartctl":{"exit_status":2}}', /^unknown: smartctl got no answer: exit status 2/],
  ]
  for (const [text, reason] of texts)
    assert.match(
      reasonOf(
        await readSmartHealth(
          answering(() => text),
          '/dev/sda',
        ),
      ),
      reason,
      text,
    )
  assert.is(
    reasonOf(await read('usb-unknown-bridge', '/dev/sde')),
    'unknown: smartctl got no answer: /dev/sde: Unknown USB bridge [0x1234:0x5678 (0x100)]',
  )
})

test('a field of another type is not stated; the others count', async () => {
  const text =
    '{"smartctl":{"exit_status":0},"smart_status":{"passed":"yes"},"scsi_grown_defect_list":3,"power_on_time":7}'
  const finding = await readSmartHealth(
    answering(() => text),
    '/dev/sda',
  )
  assert.equal(finding.status === 'known' && [finding.value.passed, finding.value.reallocated], [null, 3])
})

test('every exit status with an answer is read, each that has none is not', async () => {
  for (let code = 0; code < 256; code += 1) {
    const text = JSON.stringify({ smartctl: { exit_status: code }, smart_status: { passed: true } })
    const finding = await readSmartHealth(
      answering(() => text),
      '/dev/sda',
    )
    assert.is(finding.status, (code & 3) === 0 ? 'known' : 'unknown', `${code}`)
    if (finding.status === 'known')
      assert.is(finding.value.warnings.length > 0, (code & 0b10111000) !== 0, `${code}`)
  }
})

test('a drive behind a controller is asked again as the kind that the scan finds', async () => {
  const calls: Call[] = []
  const scan = '{"devices":[{"name":"/dev/sda","type":"scsi"},{"name":"/dev/sdf","type":"megaraid,4"}]}'
  const { signal } = new AbortController()
  const exec = answering(
    (args) =>
      args.includes('--scan-open')
        ? scan
        : args.includes('-d megaraid,4')
          ? fixture('scsi')
          : fixture('raid-volume'),
    calls,
  )
  assert.is((await readSmartHealth(exec, '/dev/sdf', signal)).status, 'known')
  assert.equal(
    calls.map(({ args }) => args),
    ['--json=c -x /dev/sdf', '--json=c --scan-open', '--json=c -x -d megaraid,4 /dev/sdf'],
  )
  assert.ok(calls.every((call) => call.signal === signal && call.timeout === 60_000))
  // The same kind again would give the same answer.
  calls.length = 0
  const same = answering((args) => (args.includes('scan') ? scan : fixture('raid-volume')), calls)
  assert.match(reasonOf(await readSmartHealth(same, '/dev/sda')), /megaraid,N/)
  assert.is(calls.length, 2)
})

const HEALTHY: SmartHealth = {
  passed: true,
  temperatureC: 30,
  powerOnHours: 100,
  percentageUsed: 5,
  reallocated: 0,
  pending: 0,
  offlineUncorrectable: 0,
  uncorrectable: 0,
  interfaceErrors: 0,
  errorLogEntries: 0,
  spare: null,
  warnings: [],
}
const after = (change: Partial<SmartHealth>, before: Partial<SmartHealth> = {}) =>
  compareHealth({ ...HEALTHY, ...before }, { ...HEALTHY, ...change })

test('two good readings say nothing against a drive, also when it has had errors all along', () => {
  assert.equal(after({ temperatureC: 48, powerOnHours: 112 }), [])
  assert.equal(
    after(
      { reallocated: 8, uncorrectable: 2, interfaceErrors: 4 },
      { reallocated: 8, uncorrectable: 2, interfaceErrors: 4 },
    ),
    [],
  )
  assert.equal(
    after({ pending: 0, offlineUncorrectable: 0 }, { pending: 8, offlineUncorrectable: 6 }),
    [],
    'healed',
  )
  assert.equal(after({ percentageUsed: 89, spare: { available: 10, threshold: 10 } }), [])
  const spare = { available: 100, threshold: 10 }
  assert.equal(after({ spare, errorLogEntries: 9 }, { spare }), [], 'NVMe counts refused commands there')
  const nothing = Object.fromEntries(Object.keys(HEALTHY).map((key) => [key, null])) as unknown as SmartHealth
  assert.equal(after({ ...nothing, warnings: [] }, { ...nothing, warnings: [] }), [])
})

test('each sign is told in words', () => {
  assert.equal(after({ pending: 1 }, { pending: 3 }), [
    '1 pending sectors, which could not be read, after all of it was written, 3 before',
  ])
  assert.match(
    after({ offlineUncorrectable: 2 }).join(),
    /^2 uncorrectable sectors as of its last offline scan/,
  )
  assert.equal(after({ reallocated: 9 }, { reallocated: 4 }), ['5 new reallocated sectors (from 4 to 9)'])
  assert.match(
    after({ uncorrectable: 1 }).join(),
    /^1 new uncorrectable errors of the medium \(from 0 to 1\)$/,
  )
  assert.match(after({ interfaceErrors: 3 }).join(), /^3 new transfer errors.*cable.*not of the disk/)
  assert.match(after({ errorLogEntries: 3 }).join(), /^3 new entries in its error log/)
  assert.match(after({ reallocated: 0 }, { reallocated: 12 }).join(), /fell from 12 to 0/)
  assert.equal(after({ percentageUsed: 90 }), ['90 % of its endurance is used'])
  assert.match(
    after({ spare: { available: 9, threshold: 10 } }).join(),
    /^9 % .* below the threshold of 10 %$/,
  )
  assert.equal(after({ passed: false }), ['the drive says that it is failing'])
  assert.equal(after({ passed: null }), ['the drive no longer judges its own health'])
  assert.equal(after({ warnings: ['old', 'new'] }, { warnings: ['old'] }), ['still: old', 'new'])
})

test('readings that are not there', () => {
  const worse = { ...HEALTHY, pending: 2, reallocated: 7 }
  const without = healthChange(unknown('smartctl is not installed'), known(worse))
  assert.is(without.length, 1, 'only what holds by itself')
  assert.match(without.join(), /^2 pending sectors/)
  assert.equal(healthChange(null, known(HEALTHY)), [])
  assert.equal(healthChange(known(HEALTHY), known(worse)).length, 2)
  assert.match(healthChange(known(HEALTHY), unknown('no answer')).join(), /before and not after: no answer/)
  assert.equal(healthChange(absent('a loop device is a file'), absent('a loop device is a file')), [])
  assert.equal(healthChange(unknown('x'), unknown('x')), [])
})

test.run()
