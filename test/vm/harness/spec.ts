/** What a virtual machine is made of. Times are milliseconds everywhere in the harness. */
export interface MachineSpec {
  /** Appears in the names of logs. */
  name: string
  firmware: 'bios' | 'uefi'
  memoryMiB: number
  cpus: number
  /** What runs the guest's instructions; see chooseAcceleration. */
  acceleration: 'kvm' | 'tcg'
  boot: Boot
  /** After this long the machine is ended, whatever it does. */
  limit: number
  disks?: readonly Disk[]
  /** The first one netboots and carries the forwarded ports. One virtio card when absent. */
  networkCards?: readonly NetworkCard[]
  /** Guest TCP ports that get a free port of 127.0.0.1 each; see Machine.port. */
  forwardedPorts?: readonly number[]
  smbios?: Smbios
  /** What the machine's clock says when it starts, such as 2001-01-01T00:00:00 (UTC); the right time when absent. */
  clock?: string
  /** `end` (the default) ends the machine when the guest reboots; `allow` lets it boot again. */
  reboot?: 'end' | 'allow'
  /** Keep the machine's folder (disks, UEFI variables) when it has ended. */
  keep?: boolean
  /** Put after everything else on QEMU's command line. */
  extraArguments?: readonly string[]
}

export type Boot =
  /** The first network card's own boot firmware, DHCP, iPXE, then this iPXE script over HTTP. */
  | { kind: 'netboot'; scriptUrl: string }
  /** The kernel handed over by QEMU itself. */
  | { kind: 'kernel'; kernel: string; initrd?: string; cmdline: string }
  /** What the firmware finds on the disks. */
  | { kind: 'disk' }

export type DiskKind = 'nvme' | 'sata' | 'scsi' | 'virtio'

export interface Disk {
  kind: DiskKind
  serial: string
  sizeMiB: number
  /** 16 hexadecimal digits. On NVMe it is the EUI-64, which nvme-cli reads; Linux itself distrusts that of QEMU's controller. */
  wwn?: string
  logicalSectorSize?: number
  physicalSectorSize?: number
  /** For SATA and SCSI; a solid-state disk when absent. */
  rotational?: boolean
  /** A raw image to use and leave behind; when absent a sparse one that goes with the machine. */
  file?: string
}

/** usb-net is what a BMC offers to its host: an Ethernet function on USB. */
export type NetworkModel = 'virtio-net-pci' | 'e1000' | 'e1000e' | 'rtl8139' | 'vmxnet3' | 'usb-net'

export interface NetworkCard {
  model: NetworkModel
  mac: string
  /** Of the card's user network, such as 10.0.3.0/24: the guest gets .15 there, this machine is .2. */
  network?: string
}

/** Fields of the SMBIOS tables, by the names that QEMU gives them. */
export interface Smbios {
  bios?: Partial<Record<'vendor' | 'version' | 'date' | 'release', string>>
  system?: Partial<
    Record<'manufacturer' | 'product' | 'version' | 'serial' | 'uuid' | 'sku' | 'family', string>
  >
  baseboard?: Partial<
    Record<'manufacturer' | 'product' | 'version' | 'serial' | 'asset' | 'location', string>
  >
  chassis?: Partial<Record<'manufacturer' | 'version' | 'serial' | 'asset' | 'sku', string>>
  processor?: Partial<Record<'manufacturer' | 'version' | 'serial' | 'asset' | 'part', string>>
  memory?: Partial<Record<'manufacturer' | 'serial' | 'asset' | 'part' | 'speed', string>>
}

/** Where the files lie that a machine needs; made by prepareMachine. */
export interface MachinePaths {
  /** One image for each disk of the spec, in its order. */
  disks: readonly string[]
  /** For UEFI: its code, and this machine's own copy of its variables. */
  firmware?: { code: string; variables: string }
  /** For a UEFI netboot: the TFTP folder with iPXE in it, and the folder of the network cards' boot firmware. */
  netboot?: { tftpRoot: string; roms: string }
}

/** Name of iPXE in the TFTP folder of a UEFI netboot. */
export const UEFI_BOOT_FILE = 'snponly.efi'
