import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { planWipe } from '../../tasks/wipe/plan/plan.ts'
import type { WipeDisk, WipeKinds } from '../../tasks/wipe/schema.ts'
import { ata, disk, machine, nvme, optionsOf, scsi } from './helpers/wipe-machines.ts'

type Erase = WipeKinds['erase']

interface Row {
  what: string
  disks: WipeDisk[]
  options?: Record<string, string>
  /** Of each erase step: its disks, level and methods, best first. */
  erase?: string[]
  /** What the reason and hint of the first disk's refusal hold. */
  refuse?: string[]
  /** What the doubt of the first method holds; absent: there is none. */
  doubt?: string
  /** Further looks at the steps. */
  also?: (erase: Erase, steps: ReturnType<typeof plan>) => void
}

function plan(disks: WipeDisk[], options: Record<string, string> = {}) {
  return planWipe(machine({ disks }), optionsOf(options)).steps
}

const hdd = (more: Parameters<typeof ata>[0] = {}, sketch = {}) =>
  disk('sda', { transport: 'sata', rotational: true, capabilities: ata(more), ...sketch })
const ssd = (more: Parameters<typeof ata>[0] = {}, sketch = {}) =>
  disk('sda', { transport: 'sata', rotational: false, capabilities: ata(more), ...sketch })
const sas = (more: Parameters<typeof scsi>[0] = {}, sketch = {}) =>
  disk('sda', { transport: 'sas', rotational: true, capabilities: scsi(more), ...sketch })
const flash = (more: Parameters<typeof nvme>[0] = {}, sketch = {}) => {
  const namespaces = more.namespaces ?? [{ nsid: 1, path: '/dev/nvme0n1' }]
  return disk('nvme0n1', {
    transport: 'nvme',
    capabilities: nvme({ ...more, namespaces }),
    drive: 'nqn',
    ...sketch,
  })
}
/** Two namespaces of one drive. */
const pair = (more: Parameters<typeof nvme>[0] = {}) => {
  const namespaces = [
    { nsid: 1, path: '/dev/nvme0n1' },
    { nsid: 2, path: '/dev/nvme0n2' },
    ...(more.namespaces ?? []),
  ]
  const capabilities = nvme({ ...more, namespaces })
  return ['nvme0n1', 'nvme0n2'].map((name) =>
    disk(name, { transport: 'nvme', capabilities, drive: 'nqn', serial: 'S1' }),
  )
}
const kindsUnknown = (steps: ReturnType<typeof plan>) =>
  steps.flatMap((step) =>
    step.kind === 'verify' ? Object.values(step.params.checks).map(({ kindUnknown }) => kindUnknown) : [],
  )
const one = { disks: 'path:/dev/nvme0n1' }
const purge = { level: 'purge' }
const clear = { level: 'clear' }

const rows: Row[] = [
  // NVMe
  {
    what: 'NVMe: crypto before block before overwrite, nothing of a lower level behind them',
    disks: [flash({ sanitize: ['overwrite', 'block', 'crypto'], format: { crypto: true } })],
    erase: ['nvme0n1 purge nvme-sanitize-crypto,nvme-sanitize-block,nvme-sanitize-overwrite'],
  },
  {
    what: 'NVMe that can only format with crypto erase: possibly purged, when nothing was demanded',
    disks: [flash({ format: { crypto: true } })],
    erase: ['nvme0n1 possible purge nvme-format-crypto'],
  },
  {
    what: 'the same, but purge is demanded: the maker may not promise it',
    disks: [flash({ format: { crypto: true } })],
    options: purge,
    refuse: ['no method that reaches purge', 'speediso.wipe.level=auto takes a format that possibly purges'],
  },
  {
    what: 'NVMe, clear: format, and an overwrite if that is rejected',
    disks: [flash({ sanitize: ['crypto'], format: { crypto: true } })],
    options: clear,
    erase: ['nvme0n1 clear nvme-format-user-data,overwrite'],
    also: (_erase, steps) => {
      const verify = steps.find((step) => step.kind === 'verify')
      assert.is(verify?.params.checks['nvme-format-user-data']?.mode, 'sample')
      assert.is(verify?.params.checks.overwrite?.mode, 'full')
    },
  },
  {
    what: 'NVMe without any command of its own',
    disks: [flash({ format: { supported: false } })],
    erase: ['nvme0n1 clear overwrite'],
  },
  {
    what: 'two namespaces, both to be wiped: one sanitize',
    disks: pair({ sanitize: ['crypto'] }),
    erase: ['nvme0n1+nvme0n2 purge nvme-sanitize-crypto'],
    also: (erase, steps) => {
      assert.is(erase.choices[0]?.scope, 'drive')
      assert.equal(
        steps.filter(({ kind }) => kind === 'verify').map(({ id, needs }) => [id, needs]),
        [
          ['verify-nvme0n1', ['erase-nvme0n1']],
          ['verify-nvme0n2', ['erase-nvme0n1']],
        ],
      )
    },
  },
  {
    what: 'two namespaces, one to stay: no sanitize, but a format of the one',
    disks: pair({ sanitize: ['crypto'], format: { crypto: true } }),
    options: one,
    erase: ['nvme0n1 possible purge nvme-format-crypto'],
    also: (erase) => assert.match(erase.notes.join(), '/dev/nvme0n2'),
  },
  {
    what: 'two namespaces, one to stay, and every format takes both: overwrite',
    disks: pair({ sanitize: ['crypto'], format: { crypto: true, eraseEveryNamespace: true } }),
    options: one,
    erase: ['nvme0n1 clear overwrite'],
  },
  {
    what: 'the same by FNA bit 0',
    disks: pair({ format: { crypto: true, everyNamespace: true } }),
    options: one,
    erase: ['nvme0n1 clear overwrite'],
  },
  {
    what: 'two namespaces, one to stay, purge demanded',
    disks: pair({ sanitize: ['crypto', 'block'] }),
    options: { ...one, ...purge },
    refuse: ['no nvme-sanitize-crypto, nvme-sanitize-block: it would erase /dev/nvme0n2 too', 'level=clear'],
  },
  {
    what: 'a namespace of which this system shows no disk must not be erased along',
    disks: [
      flash({
        sanitize: ['crypto'],
        namespaces: [
          { nsid: 1, path: '/dev/nvme0n1' },
          { nsid: 2, path: '/dev/nvme0n2' },
        ],
      }),
    ],
    erase: ['nvme0n1 clear nvme-format-user-data,overwrite'],
  },
  {
    what: 'two namespaces, both to be wiped, formats take both',
    disks: pair({ format: { everyNamespace: true } }),
    erase: ['nvme0n1+nvme0n2 clear nvme-format-user-data,overwrite'],
  },
  {
    what: 'a namespace that is not attached: formatted with the whole drive',
    disks: [
      flash({
        namespaces: [
          { nsid: 1, path: '/dev/nvme0n1' },
          { nsid: 2, attached: false, path: null },
        ],
      }),
    ],
    erase: ['nvme0n1 clear nvme-format-user-data,overwrite'],
    also: (_erase, steps) => {
      const verify = steps.find((step) => step.kind === 'verify')
      assert.match(verify?.params.checks.overwrite?.doubt ?? '', 'namespace 2 is not attached')
    },
  },
  {
    what: 'a namespace that is not attached, on a drive of which one namespace stays: doubt',
    disks: pair({ namespaces: [{ nsid: 3, attached: false, path: null }] }),
    options: { ...one, ...clear },
    erase: ['nvme0n1 clear nvme-format-user-data,overwrite'],
    doubt: 'namespace 3 is not attached',
  },
  {
    what: 'capacity in no namespace: a sanitize reaches it',
    disks: [flash({ sanitize: ['block'], unallocatedBytes: 4e11 })],
    erase: ['nvme0n1 purge nvme-sanitize-block'],
  },
  {
    what: 'capacity in no namespace: nothing else does',
    disks: [flash({ unallocatedBytes: 4e11 })],
    erase: ['nvme0n1 clear nvme-format-user-data,overwrite'],
    doubt: '400 GB of the drive are in no namespace',
  },
  {
    what: 'a sanitize that runs already is waited for, whatever methods says',
    disks: [flash({ sanitize: ['block'], state: 'running' })],
    options: { methods: 'overwrite' },
    erase: ['nvme0n1 purge nvme-sanitize-block'],
    also: (erase, steps) => {
      assert.ok(erase.attach)
      const mark = steps.find((step) => step.kind === 'mark')
      assert.is(mark?.params.canaries, 0)
    },
  },
  {
    what: 'a sanitize that failed: another sanitize, nothing else',
    disks: [flash({ sanitize: ['block'], state: 'failed' })],
    options: clear,
    refuse: ['an earlier sanitize failed', 'level=auto'],
  },
  {
    what: 'NVMe of which nothing is known: overwritten, in doubt',
    disks: [disk('nvme0n1', { transport: 'nvme', capabilities: 'nvme ended with 1' })],
    erase: ['nvme0n1 clear overwrite'],
    doubt: 'nvme ended with 1',
  },
  {
    what: 'the same, purge demanded',
    disks: [disk('nvme0n1', { transport: 'nvme', capabilities: 'nvme ended with 1' })],
    options: purge,
    refuse: ['nvme ended with 1', 'speediso.wipe.level=clear'],
  },
  {
    what: 'a zoned namespace: no overwrite',
    disks: [flash({ format: { supported: false } }, { zoned: 'host-managed' })],
    refuse: ['no overwrite: its zones take writes only in order'],
  },
  // ATA
  {
    what: 'SATA SSD: sanitize, then the enhanced security erase of the same level',
    disks: [ssd({ sanitize: ['crypto', 'block'] })],
    erase: ['sda purge ata-sanitize-crypto,ata-sanitize-block,ata-security-erase-enhanced'],
  },
  {
    what: 'SATA SSD without sanitize',
    disks: [ssd()],
    options: purge,
    erase: ['sda purge ata-security-erase-enhanced'],
  },
  {
    what: 'SATA SSD, clear',
    disks: [ssd({ sanitize: ['crypto'] })],
    options: clear,
    erase: ['sda clear ata-security-erase,overwrite'],
  },
  {
    what: 'SATA HDD: sanitize by overwrite',
    disks: [hdd({ sanitize: ['overwrite'], security: { enhanced: false } })],
    erase: ['sda purge ata-sanitize-overwrite'],
  },
  {
    what: 'SATA HDD, clear: watched overwrite first',
    disks: [hdd({ sanitize: ['overwrite'] })],
    options: clear,
    erase: ['sda clear overwrite,ata-security-erase'],
  },
  {
    what: 'SATA HDD without anything but writes, purge demanded',
    disks: [hdd({ security: { supported: false, enhanced: false } })],
    options: purge,
    refuse: ['it has no method that reaches purge', 'speediso.wipe.level=clear'],
  },
  {
    what: 'frozen: nothing but an overwrite, and it says so',
    disks: [ssd({ sanitize: ['block'], state: 'frozen', security: { frozen: true } })],
    erase: ['sda clear overwrite'],
    also: (erase) => {
      assert.match(
        erase.notes.join(),
        'no ata-sanitize-block, ata-security-erase-enhanced: the firmware of this machine froze it',
      )
      assert.not.ok(erase.suspend)
    },
  },
  {
    what: 'frozen, and the machine may be suspended',
    disks: [ssd({ sanitize: ['block'], state: 'frozen', security: { frozen: true } })],
    options: { suspend: 'yes' },
    erase: ['sda purge ata-sanitize-block,ata-security-erase-enhanced'],
    also: (erase, steps) => {
      assert.not.ok(erase.suspend, 'not beside the erases of other drives')
      assert.equal(
        steps.map(({ id, needs = [] }) => [id, needs]),
        [
          ['check-disks', []],
          ['unfreeze', ['check-disks']],
          ['mark-sda', ['check-disks', 'unfreeze']],
          ['erase-sda', ['check-disks', 'unfreeze', 'mark-sda']],
          ['verify-sda', ['erase-sda']],
        ],
      )
    },
  },
  {
    what: 'not frozen: not suspended though it might',
    disks: [ssd({ sanitize: ['block'] })],
    options: { suspend: 'yes' },
    erase: ['sda purge ata-sanitize-block,ata-security-erase-enhanced'],
    also: (_erase, steps) => assert.not.ok(steps.some(({ kind }) => kind === 'unfreeze')),
  },
  {
    what: 'only the security feature set is frozen: sanitize',
    disks: [ssd({ sanitize: ['block'], security: { frozen: true } })],
    erase: ['sda purge ata-sanitize-block'],
  },
  {
    what: 'locked, as an interrupted erase of ours leaves a drive: unlocked first',
    disks: [ssd({ sanitize: ['block'], security: { locked: true, enabled: true } })],
    erase: ['sda purge ata-sanitize-block,ata-security-erase-enhanced'],
  },
  {
    what: 'locked, and too many passwords were tried or it is frozen: nothing opens it',
    disks: [
      ssd({ sanitize: ['block'], security: { locked: true, enabled: true, countExpired: true } }),
      ssd({ sanitize: ['block'], security: { locked: true, enabled: true, frozen: true } }, { name: 'sdb' }),
    ],
    refuse: ['its ATA password locks it', 'its ATA password locks it'],
  },
  {
    what: 'a password, but open: no security erase, and ours is taken off before',
    disks: [ssd({ security: { enabled: true } })],
    erase: ['sda clear overwrite'],
    also: (_erase, steps) => {
      const mark = steps.find((step) => step.kind === 'mark')
      assert.equal(mark?.needs, ['check-disks', 'unlock-sda'])
    },
  },
  {
    what: 'a password, open and frozen: it cannot be tried, so in doubt',
    disks: [ssd({ security: { enabled: true, frozen: true } })],
    erase: ['sda clear overwrite'],
    doubt: 'locks it from the next power-on',
    also: (_erase, steps) => assert.not.ok(steps.some(({ kind }) => kind === 'unlock')),
  },
  {
    what: 'locked and frozen, and the machine may be suspended: unfrozen, then unlocked',
    disks: [ssd({ sanitize: ['block'], security: { enabled: true, locked: true, frozen: true } })],
    options: { suspend: 'yes' },
    erase: ['sda purge ata-sanitize-block,ata-security-erase-enhanced'],
    also: (_erase, steps) => {
      const kinds = steps.map(({ kind }) => kind)
      assert.equal(kinds, ['check-disks', 'unfreeze', 'unlock', 'mark', 'erase', 'verify'])
      assert.equal(steps.find(({ kind }) => kind === 'unlock')?.needs, ['check-disks', 'unfreeze'])
    },
  },
  {
    what: 'a sanitize runs on a drive with an open password: it is left alone meanwhile',
    disks: [ssd({ sanitize: ['block'], state: 'running', security: { enabled: true } })],
    erase: ['sda purge ata-sanitize-block'],
    doubt: 'locks it from the next power-on',
    also: (_erase, steps) => assert.not.ok(steps.some(({ kind }) => kind === 'unlock')),
  },
  {
    what: 'too many wrong passwords',
    disks: [ssd({ security: { countExpired: true } })],
    options: purge,
    refuse: ['power-cycle it'],
  },
  {
    what: 'a sanitize that failed: no overwrite',
    disks: [hdd({ sanitize: ['overwrite'], state: 'failed' })],
    erase: ['sda purge ata-sanitize-overwrite'],
    also: (_erase, steps) => {
      const mark = steps.find((step) => step.kind === 'mark')
      assert.is(mark?.params.canaries, 0)
    },
  },
  {
    what: 'a sanitize that runs: no size is restored and nothing written meanwhile; what is hidden is in doubt',
    disks: [hdd({ sanitize: ['overwrite'], state: 'running', sectors: { current: 1000 } })],
    erase: ['sda purge ata-sanitize-overwrite'],
    doubt: 'hidden sectors',
    also: (erase, steps) => {
      assert.ok(erase.attach)
      assert.not.ok(steps.some(({ kind }) => kind === 'restore-size'))
    },
  },
  {
    what: 'HPA: its native size comes first',
    disks: [hdd({ sectors: { current: 1000, native: 2000 } })],
    erase: ['sda purge ata-security-erase-enhanced'],
    also: (_erase, steps) => {
      assert.equal(
        steps.map(({ kind }) => kind),
        ['check-disks', 'restore-size', 'mark', 'erase', 'verify'],
      )
      assert.equal(steps.find(({ kind }) => kind === 'mark')?.needs, ['check-disks', 'restore-size-sda'])
      const restore = steps.find((step) => step.kind === 'restore-size')
      assert.is(restore?.params.native, 2000)
    },
  },
  {
    what: 'DCO below an HPA that hides nothing',
    disks: [hdd({ sectors: { current: 2000, native: 2000, dco: 3000 } })],
    erase: ['sda purge ata-security-erase-enhanced'],
    also: (_erase, steps) => assert.ok(steps.some(({ kind }) => kind === 'restore-size')),
  },
  {
    what: 'by USB: reads and writes only',
    disks: [ssd({ sanitize: ['crypto'], sectors: { current: 1000 } }, { transport: 'usb' })],
    erase: ['sda clear overwrite'],
    also: (erase, steps) => {
      assert.is(erase.capabilities.kind, 'plain')
      assert.not.ok(steps.some(({ kind }) => kind === 'restore-size'))
    },
  },
  {
    what: 'by USB, purge demanded',
    disks: [ssd({ sanitize: ['crypto'] }, { transport: 'usb' })],
    options: purge,
    refuse: ['no method that reaches purge by usb'],
  },
  {
    what: 'a SATA disk of which nothing is known: what it hides is in doubt',
    disks: [disk('sda', { transport: 'sata', capabilities: 'hdparm is not installed' })],
    erase: ['sda clear overwrite'],
    doubt: 'hides sectors is not known: hdparm is not installed',
  },
  // SCSI
  {
    what: 'SAS HDD',
    disks: [sas({ sanitize: ['crypto', 'block', 'overwrite'] })],
    erase: ['sda purge scsi-sanitize-crypto,scsi-sanitize-overwrite'],
  },
  {
    what: 'SAS SSD',
    disks: [sas({ sanitize: ['crypto', 'block', 'overwrite'] }, { rotational: false })],
    erase: ['sda purge scsi-sanitize-crypto,scsi-sanitize-block,scsi-sanitize-overwrite'],
  },
  {
    what: 'SAS, clear: overwrite; FORMAT UNIT only where it is named',
    disks: [sas({ sanitize: ['overwrite'] })],
    options: clear,
    erase: ['sda clear overwrite'],
  },
  {
    what: 'SAS, FORMAT UNIT by name',
    disks: [sas()],
    options: { methods: 'scsi-format' },
    erase: ['sda clear scsi-format'],
  },
  {
    what: '520 bytes: formatted to 512, then sanitized; its size of 0 is no fault',
    disks: [sas({ sanitize: ['overwrite'], logicalBytes: 520 }, { sizeBytes: 0 })],
    erase: ['sda purge scsi-sanitize-overwrite'],
    also: (_erase, steps) => {
      assert.equal(
        steps.map(({ kind }) => kind),
        ['check-disks', 'reformat', 'mark', 'erase', 'verify'],
      )
      const reformat = steps.find((step) => step.kind === 'reformat')
      assert.is(reformat?.params.fromBytes, 520)
      assert.match(reformat?.title ?? '', 'from sectors of 520 bytes to 512')
      assert.equal(steps.find(({ kind }) => kind === 'mark')?.needs, ['check-disks', 'reformat-sda'])
      assert.not.ok(reformat?.params.attach)
    },
  },
  {
    what: '4160 bytes: formatted to 4096',
    disks: [sas({ logicalBytes: 4160 }, { sizeBytes: 0 })],
    erase: ['sda clear overwrite'],
    also: (_erase, steps) => {
      const reformat = steps.find((step) => step.kind === 'reformat')
      assert.match(reformat?.title ?? '', 'from sectors of 4160 bytes to 4096')
    },
  },
  {
    what: '528 bytes: formatted, then overwritten',
    disks: [sas({ logicalBytes: 528 }, { sizeBytes: 0 })],
    erase: ['sda clear overwrite'],
    also: (_erase, steps) => assert.ok(steps.some(({ kind }) => kind === 'reformat')),
  },
  {
    what: '520 bytes, a format runs already: waited for, then overwritten',
    disks: [sas({ logicalBytes: 520, running: 'format' }, { sizeBytes: 0 })],
    erase: ['sda clear overwrite'],
    also: (_erase, steps) => {
      const reformat = steps.find((step) => step.kind === 'reformat')
      assert.ok(reformat?.params.attach)
    },
  },
  {
    what: '520 bytes, no format',
    disks: [sas({ logicalBytes: 520, format: false }, { sizeBytes: 0 })],
    refuse: ['its sectors have 520 bytes'],
  },
  {
    what: '520 bytes, format not wanted',
    disks: [sas({ logicalBytes: 520 }, { sizeBytes: 0 })],
    options: { methods: 'overwrite' },
    refuse: ['speediso.wipe.methods leaves scsi-format out', 'add scsi-format'],
  },
  {
    what: 'a sanitize runs',
    disks: [sas({ sanitize: ['overwrite'], running: 'sanitize' })],
    erase: ['sda purge scsi-sanitize-overwrite'],
    also: (erase, steps) => {
      assert.ok(erase.attach)
      assert.equal(kindsUnknown(steps), [undefined], 'there is but one kind')
    },
  },
  {
    what: 'a sanitize runs, of one kind or another',
    disks: [sas({ sanitize: ['crypto', 'overwrite'], running: 'sanitize' })],
    erase: ['sda purge scsi-sanitize-crypto,scsi-sanitize-overwrite'],
    also: (_erase, steps) => assert.equal(kindsUnknown(steps), [true, true]),
  },
  {
    what: 'the same by ATA',
    disks: [ssd({ sanitize: ['crypto', 'block'], state: 'running' })],
    erase: ['sda purge ata-sanitize-crypto,ata-sanitize-block'],
    also: (_erase, steps) => assert.equal(kindsUnknown(steps), [true, true]),
  },
  {
    what: 'NVMe states which kind it was',
    disks: [flash({ sanitize: ['crypto', 'block'], state: 'running' })],
    erase: ['nvme0n1 purge nvme-sanitize-crypto,nvme-sanitize-block'],
    also: (_erase, steps) => assert.equal(kindsUnknown(steps), [undefined, undefined]),
  },
  {
    what: 'none runs: the kind is the one that was begun',
    disks: [sas({ sanitize: ['crypto', 'overwrite'] })],
    erase: ['sda purge scsi-sanitize-crypto,scsi-sanitize-overwrite'],
    also: (_erase, steps) => assert.equal(kindsUnknown(steps), [undefined, undefined]),
  },
  {
    what: 'a format runs',
    disks: [sas({ sanitize: ['overwrite'], running: 'format' })],
    erase: ['sda clear scsi-format'],
    also: (erase) => assert.ok(erase.attach),
  },
  {
    what: 'a format runs, purge demanded',
    disks: [sas({ sanitize: ['overwrite'], running: 'format' })],
    options: purge,
    refuse: ['start again when it has ended'],
  },
  // Others
  {
    what: 'host-managed SMR without sanitize',
    disks: [hdd({ security: { supported: false, enhanced: false } }, { zoned: 'host-managed' })],
    refuse: ['no overwrite: its zones take writes only in order (host-managed)'],
  },
  {
    what: 'host-managed SMR with sanitize: no canaries, so in doubt',
    disks: [hdd({ sanitize: ['overwrite'] }, { zoned: 'host-managed' })],
    erase: ['sda purge ata-sanitize-overwrite,ata-security-erase-enhanced'],
    doubt: 'no canary could be written',
  },
  {
    what: 'host-aware SMR is like any other',
    disks: [hdd({ security: { supported: false, enhanced: false } }, { zoned: 'host-aware' })],
    erase: ['sda clear overwrite'],
  },
  {
    what: 'a RAID volume: overwritten, and nobody knows what is behind it',
    disks: [disk('sda', { transport: 'raid', capabilities: scsi({ sanitize: ['crypto'] }) })],
    erase: ['sda clear overwrite'],
    doubt: 'the physical drives behind the controller are not seen',
  },
  {
    what: 'eMMC',
    disks: [disk('mmcblk0', { transport: 'mmc', rotational: false, discard: true })],
    erase: ['mmcblk0 clear overwrite'],
    doubt: 'boot areas',
    also: (erase) => assert.ok(erase.discard),
  },
  {
    what: 'virtio without serial: may well pass',
    disks: [disk('vda', { transport: 'virtio', serial: null, discard: true })],
    erase: ['vda clear overwrite'],
    also: (erase) => {
      assert.not.ok(erase.discard)
      assert.match(erase.notes.join(), 'neither serial nor WWN')
    },
  },
  {
    what: 'a transport that is not known is not trusted with commands',
    disks: [disk('sda', { transport: 'unknown', capabilities: ata({ sanitize: ['crypto'] }) })],
    erase: ['sda clear overwrite'],
  },
  // Options
  {
    what: 'methods leaves nothing',
    disks: [hdd({ security: { supported: false, enhanced: false } })],
    options: { methods: 'nvme-sanitize' },
    refuse: ['speediso.wipe.methods leaves it out', 'speediso.wipe.methods=all; it has overwrite'],
  },
  {
    what: 'methods leaves a lower level only: it is said what could have been',
    disks: [ssd({ sanitize: ['crypto'] })],
    options: { methods: 'overwrite' },
    erase: ['sda clear overwrite'],
    also: (erase) =>
      assert.match(
        erase.notes.join(),
        'no ata-sanitize-crypto, ata-security-erase-enhanced: speediso.wipe.methods',
      ),
  },
  {
    what: 'passes and pattern are of the overwrite',
    disks: [disk('vda', { transport: 'virtio', sizeBytes: 150_000_000 * 100 })],
    options: { passes: '3', pattern: 'random' },
    erase: ['vda clear overwrite'],
    also: (erase, steps) => {
      assert.is(erase.passes, 3)
      assert.is(erase.pattern, 'random')
      assert.is(erase.choices[0]?.estimate, 300)
      assert.is(steps.find(({ kind }) => kind === 'erase')?.estimate, 300)
      assert.is(steps.find(({ kind }) => kind === 'verify')?.estimate, 100)
    },
  },
  {
    what: 'not verified: in doubt',
    disks: [disk('vda', { transport: 'virtio' })],
    options: { verify: 'none' },
    erase: ['vda clear overwrite'],
    doubt: 'not verified, as it was asked',
  },
  {
    what: 'read back in full after a sanitize, if so asked',
    disks: [flash({ sanitize: ['crypto'] })],
    options: { verify: 'full' },
    erase: ['nvme0n1 purge nvme-sanitize-crypto'],
    also: (_erase, steps) => {
      const verify = steps.find((step) => step.kind === 'verify')
      assert.is(verify?.params.checks['nvme-sanitize-crypto']?.mode, 'full')
    },
  },
  {
    what: 'sectors of 4,096 bytes',
    disks: [flash({ sanitize: ['crypto'] }, { sectorBytes: 4096, sizeBytes: 4096 * 100 })],
    erase: ['nvme0n1 purge nvme-sanitize-crypto'],
    also: (_erase, steps) => {
      const mark = steps.find((step) => step.kind === 'mark')
      assert.is(mark?.params.canaries, 100)
    },
  },
]

for (const { what, disks, options, erase: expected = [], refuse = [], doubt, also } of rows) {
  test(what, () => {
    const steps = plan(disks, options)
    const erases = steps.filter((step) => step.kind === 'erase')
    const shown = erases.map(({ params }) => {
      const [first] = params.choices
      const names = params.disks.map(({ name }) => name).join('+')
      return `${names} ${first?.level} ${params.choices.map(({ method }) => method).join(',')}`
    })
    assert.equal(shown, expected)
    const refused = steps.find((step) => step.kind === 'refuse')
    const said = `${refused?.params.reason} hint: ${refused?.params.hint}`
    if (refuse.length === 0) assert.is(refused, undefined, said)
    for (const part of refuse) assert.ok(said.includes(part), `"${part}" is not in: ${said}`)
    const [first] = erases
    if (first === undefined) return
    const method = first.params.choices[0]?.method ?? 'overwrite'
    const verify = steps.find((step) => step.kind === 'verify')
    const actual = verify?.params.checks[method]?.doubt
    if (doubt === undefined) assert.is(actual, undefined)
    else assert.ok(actual?.includes(doubt), `"${doubt}" is not in: ${actual}`)
    also?.(first.params, steps)
  })
}

const froze = { sanitize: ['block'], security: { frozen: true }, state: 'frozen' } as const
const sdb = (more: Parameters<typeof ata>[0]) =>
  disk('sdb', { transport: 'sata', rotational: false, capabilities: ata(more) })

test('one suspend for all frozen drives, and no drive is begun before it', () => {
  const steps = plan(
    [
      ssd({ ...froze, sanitize: ['block'] }),
      sdb({ ...froze, sanitize: ['block'] }),
      ...pair({ sanitize: ['crypto'] }),
    ],
    { suspend: 'yes' },
  )
  const [unfreeze, ...more] = steps.filter((step) => step.kind === 'unfreeze')
  assert.equal(more, [])
  assert.equal(
    unfreeze?.params.disks.map(({ name }) => name),
    ['sda', 'sdb'],
  )
  for (const step of steps) {
    if (['mark', 'erase'].includes(step.kind)) assert.ok(step.needs?.includes('unfreeze'), step.id)
  }
})

test('no suspend while a drive is at an erase, which would lose its power', () => {
  const busy = [ssd({ ...froze, sanitize: ['block'] }), sdb({ sanitize: ['block'], state: 'running' })]
  for (const options of [{}, { exclude: '/dev/sdb' }]) {
    const steps = plan(busy, { suspend: 'yes', ...options })
    assert.not.ok(steps.some(({ kind }) => kind === 'unfreeze'))
    const erase = steps.find((step) => step.kind === 'erase' && step.params.disks[0]?.name === 'sda')
    assert.is(erase?.kind === 'erase' && erase.params.choices[0]?.method, 'overwrite')
  }
})

test('namespaces that are erased one by one do not hold up each other; those that one step takes share its lane', () => {
  const apart = plan(pair({}), { quick: 'yes' }).filter(({ kind }) => kind === 'clear-signatures')
  assert.is(new Set(apart.map(({ lane }) => lane)).size, 2)
  const together = plan(pair({ sanitize: ['crypto'] })).filter(({ kind }) => kind !== 'check-disks')
  assert.is(new Set(together.map(({ lane }) => lane)).size, 1)
  const separate = plan(pair({ format: { supported: false } })).filter(({ kind }) => kind !== 'check-disks')
  for (const name of ['nvme0n1', 'nvme0n2']) {
    const own = separate.filter(({ id }) => id.endsWith(name))
    assert.is(own.length, 3)
    assert.is(new Set(own.map(({ lane }) => lane)).size, 1)
  }
  assert.is(new Set(separate.map(({ lane }) => lane)).size, 2)
})

test('quick: signatures only, where a plain write is possible', () => {
  const quick = { quick: 'yes' }
  const kinds = (disks: WipeDisk[]) => plan(disks, quick).map(({ kind }) => kind)
  assert.equal(kinds([hdd()]), ['check-disks', 'clear-signatures'])
  assert.equal(kinds(pair({ sanitize: ['crypto'] })), ['check-disks', 'clear-signatures', 'clear-signatures'])
  for (const bad of [
    hdd({ security: { locked: true } }),
    hdd({ state: 'running' }),
    hdd({}, { zoned: 'host-managed' }),
    sas({ logicalBytes: 520 }, { sizeBytes: 0 }),
    flash({ state: 'failed' }),
  ]) {
    assert.equal(kinds([bad]), ['check-disks', 'refuse'])
  }
})

test.run()
