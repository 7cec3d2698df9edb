import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inventoryOf, runGuest } from './guest.ts'
import { type Disk, harnessDeps, type Smbios } from './harness/index.ts'

const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })

/** Serials as nothing but the virtual disks of this run has them. */
const run = process.pid.toString(36).toUpperCase()
const DISKS: Disk[] = [
  { kind: 'nvme', serial: `NVME-${run}`, sizeMiB: 512 },
  { kind: 'sata', serial: `SATA-${run}`, sizeMiB: 256, wwn: '5000c500a0b0c0d1', rotational: true },
  { kind: 'scsi', serial: `SCSI-${run}`, sizeMiB: 128, wwn: '5000c500a0b0c0d2' },
  { kind: 'virtio', serial: `VIRTIO-${run}`, sizeMiB: 64 },
]
const EXPECTED = [
  [`NVME-${run}`, 'nvme', 512],
  [`SATA-${run}`, 'sata', 256],
  [`SCSI-${run}`, 'scsi', 128],
  [`VIRTIO-${run}`, 'virtio', 64],
]
const SMBIOS: Smbios = {
  system: {
    manufacturer: 'Test Works',
    product: 'Model T',
    serial: `SYS-${run}`,
    uuid: '4c4c4544-0042-3510-8053-b4c04f4d3332',
  },
  baseboard: { manufacturer: 'Test Works', product: 'Board T', serial: `BRD-${run}` },
}

for (const firmware of ['uefi', 'bios'] as const) {
  const memoryMiB = firmware === 'bios' ? 768 : 1024
  test(`netboot with SPEEDISO=inventory: ${firmware}, ${memoryMiB} MiB`, async () => {
    await using guest = await runGuest(
      { ask: 'SPEEDISO=inventory', whole: true, firmware, memoryMiB, disks: DISKS, smbios: SMBIOS },
      deps,
    )
    const { report, events, booted } = guest
    const told = JSON.stringify(report.tasks[0]?.steps.filter((step) => step.verdict !== 'passed'))
    assert.is(report.verdict, 'passed', told)
    const { sections } = inventoryOf(report)
    assert.is(sections.disks?.status, 'known')
    if (sections.disks?.status === 'known') {
      const found = sections.disks.value.disks.map((disk) => [
        disk.serial.status === 'known' ? disk.serial.value : disk.serial.reason,
        disk.transport.status === 'known' ? disk.transport.value : disk.transport.reason,
        disk.sizeBytes.status === 'known' ? disk.sizeBytes.value / 2 ** 20 : disk.sizeBytes.reason,
      ])
      assert.equal(found.toSorted(), EXPECTED.toSorted())
    }
    assert.is(report.host.hostId, SMBIOS.system?.uuid)
    assert.is(report.image?.id, 'speediso')
    assert.match(report.command_line, 'speediso.log.token=***')
    assert.is(report.job.log.token, '***')
    assert.is(events.filter((event) => event.kind === 'step.end').length, report.tasks[0]?.steps.length)
    // The root came over HTTP, once and whole.
    const fetched = booted.server.requests.filter(({ path }) => path === '/rootfs.squashfs')
    assert.is(fetched.filter(({ status, complete }) => status === 200 && complete).length, 1)
    const boot = sections.boot
    assert.is(
      boot?.status === 'known' && boot.value.mode.status === 'known' && boot.value.mode.value,
      firmware.toUpperCase(),
    )
  })
}

test.run()
