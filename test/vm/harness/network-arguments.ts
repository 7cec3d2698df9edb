import { join } from 'node:path'
import { InputError } from '../../../src/errors.ts'
import { option } from './option.ts'
import { type MachinePaths, type MachineSpec, type NetworkCard, UEFI_BOOT_FILE } from './spec.ts'

export const DEFAULT_CARD: NetworkCard = { model: 'virtio-net-pci', mac: '52:54:00:12:34:56' }

/**
 * QEMU's arguments for the network cards. Each has its own user network, where DHCP offers an address, a default route
 * and a name server.
 * @param hostPorts host port for a forwarded guest port; QEMU chooses a free one where there is none
 */
export function networkArguments(
  spec: MachineSpec,
  paths: MachinePaths,
  hostPorts: ReadonlyMap<number, number>,
): string[] {
  const cards = spec.networkCards ?? [DEFAULT_CARD]
  const usb = cards.some(({ model }) => model === 'usb-net') ? ['-device', 'qemu-xhci,id=usb'] : []
  const devices = cards.flatMap((card, index) => {
    if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(card.mac)) {
      throw new InputError(`MAC ${card.mac}: it is written like 52:54:00:12:34:56`)
    }
    const first = index === 0
    if (first && spec.boot.kind === 'netboot' && card.model === 'usb-net') {
      throw new InputError(`network card ${card.mac}: nothing netboots from usb-net`)
    }
    const id = `net${index}`
    let backend = option('user', { id, net: card.network, ...(first ? bootServer(spec, paths) : {}) })
    for (const port of first ? (spec.forwardedPorts ?? []) : []) {
      backend += `,hostfwd=tcp:127.0.0.1:${hostPorts.get(port) ?? 0}-:${port}`
    }
    const boots = first && spec.boot.kind === 'netboot'
    const place =
      card.model === 'usb-net'
        ? { bus: 'usb.0' }
        : { romfile: boots ? bootRom(spec, paths, card) : '', bootindex: boots ? 0 : undefined }
    const device = option(card.model, { netdev: id, mac: card.mac, ...place })
    return ['-netdev', backend, '-device', device]
  })
  return [...usb, ...devices]
}

/** What the user network's DHCP server tells a client that boots. */
function bootServer({ firmware, boot }: MachineSpec, { netboot }: MachinePaths): Record<string, string> {
  if (boot.kind !== 'netboot') return {}
  if (firmware === 'bios') return { bootfile: boot.scriptUrl }
  return { tftp: needed(netboot).tftpRoot, bootfile: UEFI_BOOT_FILE }
}

/**
 * On BIOS QEMU's boot firmware of each card is iPXE, which fetches a script over HTTP by itself. On UEFI whether it does
 * depends on its version (2019 yes, 2025 no); the firmware's own PXE -> TFTP -> iPXE works with all.
 */
function bootRom(
  { firmware }: MachineSpec,
  { netboot }: MachinePaths,
  { model }: NetworkCard,
): string | undefined {
  if (firmware === 'bios') return undefined
  // OVMF has its own driver for virtio; for others the card brings one.
  return model === 'virtio-net-pci' ? '' : join(needed(netboot).roms, `efi-${model}.rom`)
}

function needed(netboot: MachinePaths['netboot']): NonNullable<MachinePaths['netboot']> {
  if (netboot === undefined) throw new InputError('a UEFI netboot needs iPXE in a TFTP folder')
  return netboot
}
