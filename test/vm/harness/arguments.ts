import { diskArguments } from './disk-arguments.ts'
import { networkArguments } from './network-arguments.ts'
import { option } from './option.ts'
import type { MachinePaths, MachineSpec, Smbios } from './spec.ts'

/** File descriptor of QEMU on which it speaks QMP. */
export const QMP_FD = 3

/**
 * In the emulator, a store into a page that has held code is a hundred times slower than another one until all code of
 * that page is forgotten: a byte at a time (erms, fsrm) clearing a page took 10 ms. Half of a boot is translating code:
 * the cache has to hold all of it.
 */
const PROCESSOR = {
  kvm: ['-accel', 'kvm', '-cpu', 'max'],
  tcg: ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'max,-erms,-fsrm'],
}

/** Structure numbers of the SMBIOS specification, 7.1 to 7.18. */
const SMBIOS_TYPE: Readonly<Record<keyof Smbios, number>> = {
  bios: 0,
  system: 1,
  baseboard: 2,
  chassis: 3,
  processor: 4,
  memory: 17,
}

/**
 * QEMU's whole argument list. The guest's processors stand still until QMP `cont`; its serial port is QEMU's standard
 * input and output.
 * @param hostPorts see networkArguments
 * @throws InputError for a machine that cannot be
 */
export function qemuArguments(
  spec: MachineSpec,
  paths: MachinePaths,
  hostPorts: ReadonlyMap<number, number> = new Map(),
): string[] {
  return [
    // Without graphics the BIOS and its boot firmware write to the serial port as well.
    ...['-name', spec.name, '-nodefaults', '-no-user-config', '-machine', 'q35,graphics=off'],
    ...['-display', 'none', '-vga', 'std'],
    ...PROCESSOR[spec.acceleration],
    ...['-smp', String(spec.cpus)],
    ...['-m', String(spec.memoryMiB)],
    ...['-S', ...((spec.reboot ?? 'end') === 'end' ? ['-no-reboot'] : [])],
    ...['-chardev', 'stdio,id=serial,signal=off'],
    ...['-serial', 'chardev:serial'],
    ...['-chardev', `socket,id=qmp,fd=${QMP_FD}`, '-mon', 'chardev=qmp,mode=control'],
    ...firmwareArguments(paths),
    ...smbiosArguments(spec.smbios ?? {}),
    ...(spec.clock === undefined ? [] : ['-rtc', `base=${spec.clock}`]),
    ...diskArguments(spec.disks ?? [], paths.disks),
    ...networkArguments(spec, paths, hostPorts),
    ...bootArguments(spec),
    ...(spec.extraArguments ?? []),
  ]
}

function firmwareArguments({ firmware }: MachinePaths): string[] {
  if (firmware === undefined) return []
  const flash = (unit: number, file: string, readonly: string) =>
    option('if=pflash', { format: 'raw', unit, readonly, file })
  return [
    ...['-drive', flash(0, firmware.code, 'on'), '-drive', flash(1, firmware.variables, 'off')],
    // Its IPv6 attempt costs a minute before it gives up; versions that do not know the name ignore it.
    ...['-fw_cfg', 'name=opt/org.tianocore/IPv6PXESupport,string=n'],
  ]
}

function smbiosArguments(smbios: Smbios): string[] {
  return Object.entries(smbios).flatMap(([table, fields]) => [
    '-smbios',
    option(`type=${SMBIOS_TYPE[table as keyof Smbios]}`, fields),
  ])
}

function bootArguments({ boot }: MachineSpec): string[] {
  switch (boot.kind) {
    case 'netboot':
      // Strict: no falling through to a disk, which would hide that the netboot failed.
      return ['-boot', 'strict=on']
    case 'kernel': {
      const initrd = boot.initrd === undefined ? [] : ['-initrd', boot.initrd]
      return ['-kernel', boot.kernel, ...initrd, '-append', boot.cmdline]
    }
    case 'disk':
      return ['-boot', 'order=c']
  }
}
