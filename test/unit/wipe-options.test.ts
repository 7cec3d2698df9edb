import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isSecretOption } from '../../src/job/catalogue.ts'
import { resolveJob } from '../../src/job/resolve.ts'
import { KeyError, parseSigningKey } from '../../tasks/wipe/certificate/keys.ts'
import { optionsSchema } from '../../tasks/wipe/options.ts'
import { matches } from '../../tasks/wipe/plan/match.ts'
import { parseSelectors } from '../../tasks/wipe/plan/selector.ts'
import { parseSizeRange } from '../../tasks/wipe/plan/size-range.ts'
import { disk, optionsOf } from './helpers/wipe-machines.ts'

const facts = { destructive: true, timeout: 1000, options: optionsSchema }
const catalogue = new Map([['wipe', facts]])

/** What is wrong with these options, as one line. */
function wrong(texts: Record<string, string>): string {
  const parsed = optionsSchema.safeParse(texts)
  return parsed.success
    ? ''
    : parsed.error.issues.map(({ path, message }) => `${String(path[0])}: ${message}`).join('; ')
}

test('without any option: every disk, purge where the drive can, checked, nothing suspended', () => {
  const options = optionsOf()
  assert.is(options.level, 'auto')
  assert.equal(options.disks, [{ kind: 'all', text: 'all' }])
  assert.equal(options.exclude, [])
  assert.is(options.verify, 'auto')
  assert.is(options.passes, 1)
  assert.is(options.pattern, 'zero')
  assert.is(options.quick, false)
  assert.is(options.suspend, false)
  assert.is(options.stall, 300_000)
  assert.ok(options.methods.includes('overwrite') && options.methods.includes('nvme-sanitize-crypto'))
  assert.is(options.customer, undefined)
})

test('every option says what it is', () => {
  for (const [key, schema] of Object.entries(optionsSchema.shape))
    assert.ok((schema.description ?? '').length > 10, key)
})

test('each malformed value is an error that names what would be right', () => {
  const rows: [Record<string, string>, string][] = [
    [{ level: 'purg' }, 'did you mean purge?'],
    [{ level: 'destroy' }, 'none of auto, purge, clear'],
    [{ verify: 'samples' }, 'did you mean sample?'],
    [{ passes: '0' }, 'write 1 to 35'],
    [{ passes: '36' }, 'write 1 to 35'],
    [{ passes: '1.5' }, 'write 1 to 35'],
    [{ passes: '-1' }, 'write 1 to 35'],
    [{ pattern: 'ones' }, 'none of zero, random'],
    [{ quick: 'maybe' }, '"maybe" is neither yes nor no'],
    [{ suspend: 'ye' }, 'neither yes nor no'],
    [{ stall: '5' }, 'has no unit'],
    [{ stall: '10s' }, 'write 30s or more'],
    [{ methods: 'nvme-sanitise' }, 'did you mean nvme-sanitize?'],
    [{ methods: 'all,overwrite' }, '"all" stands alone'],
    [{ methods: 'overwrite,' }, 'an empty name'],
    [{ methods: 'nvme' }, ''],
    [{ methods: 'magnet' }, 'give all, or a comma list'],
    [{ customer: 'a\nb' }, 'control character'],
    [{ operator: ' ' }, '1 to 200 characters'],
    [{ disks: 'serail:X' }, 'did you mean serial:?'],
    [{ disks: 'serial:' }, 'says nothing after the colon'],
    [{ disks: 'sdb' }, 'write path:/dev/sdb'],
    [{ disks: 'nvme0n1' }, 'write path:/dev/nvme0n1'],
    [{ disks: 'al' }, 'did you mean all?'],
    [{ disks: 'transport:nvm' }, 'did you mean nvme?'],
    [{ disks: 'wwn:xyz' }, 'is no WWN'],
    [{ disks: 'path:sdb' }, 'is no device path'],
    [{ disks: 'path:/dev/sd*' }, 'is no device path'],
    [{ disks: '/dev/disk/by-uuid/1234' }, 'is a link'],
    [{ disks: 'size:1T' }, 'size:480G..2T'],
    [{ disks: 'size:2T..1T' }, 'write size:1T..2T'],
    [{ disks: 'size:>1X' }, 'holds no size'],
    [{ disks: 'all,,path:/dev/sda' }, 'an empty word'],
    [{ exclude: 'modell:X' }, 'did you mean model:?'],
    [{ certificate_key: 'secret' }, 'Ed25519'],
    [{ quick: 'yes', level: 'clear' }, 'level: means nothing with quick'],
    [{ quick: 'yes', passes: '3' }, 'passes: means nothing with quick'],
    [{ quick: 'yes', verify: 'full' }, 'verify: means nothing with quick'],
    [{ quick: 'yes', pattern: 'random' }, 'pattern: means nothing with quick'],
  ]
  for (const [texts, expected] of rows) {
    if (expected === '') assert.is(wrong(texts), '', JSON.stringify(texts))
    else assert.match(wrong(texts), expected, JSON.stringify(texts))
  }
})

test('families of methods, and names of the one kind or the other', () => {
  const methods = (text: string) => optionsOf({ methods: text }).methods
  assert.equal(methods('ata-security-erase'), ['ata-security-erase-enhanced', 'ata-security-erase'])
  assert.equal(methods('ata_security_erase-enhanced'), ['ata-security-erase-enhanced'])
  assert.equal(methods('NVMe-Sanitize, overwrite'), [
    'nvme-sanitize-crypto',
    'nvme-sanitize-block',
    'nvme-sanitize-overwrite',
    'overwrite',
  ])
  assert.equal(methods('scsi-format'), ['scsi-format'])
})

const rows: [selector: string, sketch: Parameters<typeof disk>[1], meant: boolean][] = [
  ['all', {}, true],
  ['all', { virtual: true }, false],
  ['serial:SN-sda', {}, true],
  ['serial:sn-sda', {}, true],
  ['serial:SN-sd', {}, false],
  ['SN-sda1', { serial: ' SN_sda1 ' }, false],
  ['S4EVNX0R', { serial: 'S4EVNX0R' }, true],
  ['S4 EV 1', { serial: 'S4EV1' }, true],
  ['5000c500a1b2c3d4', { wwn: '0x5000c500a1b2c3d4' }, true],
  ['0x5000C500A1B2C3D4', { wwn: '0x5000c500a1b2c3d4' }, true],
  ['wwn:naa.5000c500a1b2c3d4', { wwn: '0x5000c500a1b2c3d4' }, true],
  ['wwn:0x5000c500a1b2c3d5', { wwn: '0x5000c500a1b2c3d4' }, false],
  ['wwn:eui.0025385b71b0a1c2', { wwn: 'eui.0025385b71b0a1c2' }, true],
  ['/dev/disk/by-id/wwn-0x5000c500a1b2c3d4', { wwn: '0x5000c500a1b2c3d4' }, true],
  ['model:samsung*', { model: 'Samsung SSD 980' }, true],
  ['model:*980', { model: 'Samsung SSD 980' }, true],
  ['model:Samsung', { model: 'Samsung SSD 980' }, false],
  ['model:S.msung*', { model: 'Samsung SSD 980' }, false],
  ['model:S?msung*', { model: 'Samsung SSD 980' }, true],
  ['model:*', { model: null }, false],
  ['path:/dev/sda', {}, true],
  ['/dev/sda', {}, true],
  ['/dev/sda', { virtual: true }, true],
  ['/dev/sdb', {}, false],
  ['by-path:pci-0000:00:05.0-*', { byPath: 'pci-0000:00:05.0-ata-1' }, true],
  ['/dev/disk/by-path/pci-0000:00:05.0-ata-1', { byPath: 'pci-0000:00:05.0-ata-1' }, true],
  ['by-path:pci-0000:00:06.0-*', { byPath: 'pci-0000:00:05.0-ata-1' }, false],
  ['transport:NVME', { transport: 'nvme' }, true],
  ['transport:sata', { transport: 'nvme' }, false],
  // A disk sold as 1 TB has 1,000,204,886,016 bytes.
  ['size:>1T', { sizeBytes: 1_000_204_886_016 }, false],
  ['size:>=1T', { sizeBytes: 1_000_204_886_016 }, true],
  ['size:<=1T', { sizeBytes: 1_000_204_886_016 }, true],
  ['size:<1T', { sizeBytes: 1_000_204_886_016 }, false],
  ['size:480G..2T', { sizeBytes: 2_000_398_934_016 }, true],
  ['size:480G..2T', { sizeBytes: 480_103_981_056 }, true],
  ['size:480G..2T', { sizeBytes: 479_000_000_000 }, false],
  ['size:480G..2T', { sizeBytes: 2_048_408_248_320 }, false],
  ['size:>931Gi', { sizeBytes: 1_000_204_886_016 }, true],
  ['size:>932Gi', { sizeBytes: 1_000_204_886_016 }, false],
  ['size:>0', { sizeBytes: null }, false],
]

test('which disk a selector means', () => {
  for (const [text, sketch, meant] of rows) {
    const selectors = text === 'S4 EV 1' ? parseSelectors('serial:S4_EV_1') : parseSelectors(text)
    const found = selectors.some((selector) => matches(selector, disk('sda', sketch)) === 'yes')
    assert.is(found, meant, `${text} on ${JSON.stringify(sketch)}`)
  }
})

test('what cannot be read is neither meant nor not meant', () => {
  const [model] = parseSelectors('model:X*')
  const [size] = parseSelectors('size:<1G')
  if (model === undefined || size === undefined) throw new Error('no selector')
  assert.is(matches(model, disk('sda', { model: null })), 'maybe')
  assert.is(matches(size, disk('sda', { sizeBytes: null })), 'maybe')
  assert.is(matches(model, disk('sda', { model: 'Y' })), 'no')
})

test('no text makes the readers throw anything but a RangeError with a message', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const read of [parseSelectors, parseSizeRange]) {
        try {
          read(text)
        } catch (error) {
          assert.instance(error, RangeError)
          assert.ok((error as Error).message.length > 0)
        }
      }
    }),
  )
})

const pair = generateKeyPairSync('ed25519').privateKey
const pem = pair.export({ type: 'pkcs8', format: 'pem' }).toString()
const der = pair.export({ type: 'pkcs8', format: 'der' })

test('a signing key in each of its forms is the same key', () => {
  const forms = [
    pem,
    pem.trimEnd().replaceAll('\n', ' '),
    pem.trimEnd().replaceAll('\n', '\\n'),
    Buffer.from(pem).toString('base64'),
    der.toString('base64'),
    der.subarray(-32).toString('base64'),
    der.subarray(-32).toString('base64url'),
  ]
  for (const form of forms) assert.ok(parseSigningKey(form).equals(pair), form.slice(0, 12))
})

test('another kind of key, a public key, half a key: no key, and nothing of it in the message', () => {
  const other = generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const half = der.subarray(0, 40).toString('base64')
  const open = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString()
  for (const text of [other, half, open, der.subarray(-31).toString('base64')]) {
    try {
      parseSigningKey(text)
      assert.unreachable(text)
    } catch (error) {
      assert.instance(error, KeyError)
      assert.not.match((error as Error).message, text.slice(-12).trim())
    }
  }
})

test('the signing key is a secret: neither its value nor what is wrong with it is shown', () => {
  assert.ok(isSecretOption(facts, 'certificate_key'))
  assert.not.ok(isSecretOption(facts, 'customer'))
  const bad = resolveJob('SPEEDISO=wipe speediso.wipe.certificate-key=MyOwnKey', catalogue)
  assert.not.match(JSON.stringify(bad), 'MyOwnKey')
  assert.is(bad.problems.length, 1)
  const seed = der.subarray(-32).toString('base64')
  const good = resolveJob(`SPEEDISO=wipe speediso.wipe.certificate_key=${seed}`, catalogue)
  assert.equal(good.problems, [])
  assert.not.match(good.commandLine, seed)
  assert.ok(good.hidden().includes(seed))
})

test('on a kernel command line: names with dashes, quoted texts, the error under its own name', () => {
  const line =
    'SPEEDISO=wipe speediso.wipe.disks=transport:nvme,/dev/sdb speediso.wipe.customer="ACME Ltd" speediso.wipe.stall=90s'
  const { job, problems } = resolveJob(line, catalogue)
  assert.equal(problems, [])
  assert.is(job.tasks[0]?.options.customer, 'ACME Ltd')
  assert.is(job.tasks[0]?.options.stall, 90_000)
  const bad = resolveJob('SPEEDISO=wipe speediso.wipe.level=clean', catalogue)
  assert.is(bad.problems[0]?.parameter, 'speediso.wipe.level')
  assert.equal(bad.job.tasks, [])
})

test.run()
