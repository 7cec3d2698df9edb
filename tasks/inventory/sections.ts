import type { TaskContext } from '../../src/runtime/task.ts'
import { readDisks } from '../../src/system/block/disks.ts'
import { BLOCK } from '../../src/system/block/list.ts'
import { UDEV_DATA } from '../../src/system/block/udev.ts'
import { IPMI_CLASS, readBmc } from '../../src/system/bmc.ts'
import { readBoot } from '../../src/system/boot-mode.ts'
import { readCpu } from '../../src/system/cpu/cpu.ts'
import { CPUINFO } from '../../src/system/cpu/cpuinfo.ts'
import { type LoadSystemInformation, loadSystemInformation } from '../../src/system/cpu/systeminformation.ts'
import { CPU_DIR } from '../../src/system/cpu/topology.ts'
import { readFilesystems } from '../../src/system/filesystem/filesystems.ts'
import { MOUNTINFO } from '../../src/system/filesystem/mounts.ts'
import { type LoadDiskInfo, loadDiskInfo } from '../../src/system/filesystem/node-disk-info.ts'
import { MEMINFO, readMemory } from '../../src/system/memory/memory.ts'
import { readNetwork } from '../../src/system/network/cards.ts'
import { NET_CLASS } from '../../src/system/network/list.ts'
import { PCI_DEVICES, readPci } from '../../src/system/pci/devices.ts'
import { PCI_IDS } from '../../src/system/pci/ids.ts'
import { DMI_ID, readBios, readBoards, readChassis, readSystem } from '../../src/system/smbios/firmware.ts'
import { SMBIOS_TABLE } from '../../src/system/smbios/read.ts'
import type { SectionName, Sections } from './schema.ts'

/** What a section may use of the world, its own time limit's signal included. */
export type SectionContext = Pick<TaskContext, 'root' | 'exec' | 'signal'>

/** The libraries, each loaded when its section is read. */
export interface Libraries {
  systeminformation: LoadSystemInformation
  diskInfo: LoadDiskInfo
}

export const libraries: Libraries = { systeminformation: loadSystemInformation, diskInfo: loadDiskInfo }

export interface Section<Name extends SectionName> {
  title: string
  /** Files and directories that it reads, and programs that it may run; of a list, the first that is there. */
  sources: readonly (string | readonly string[])[]
  tools: readonly string[]
  read(ctx: SectionContext, libraries: Libraries): Promise<NonNullable<Sections[Name]>>
}

const SMBIOS = [SMBIOS_TABLE, DMI_ID]

export const sections: { readonly [Name in SectionName]: Section<Name> } = {
  system: { title: 'Read the system', sources: SMBIOS, tools: [], read: ({ root }) => readSystem(root) },
  bios: { title: 'Read the BIOS', sources: SMBIOS, tools: [], read: ({ root }) => readBios(root) },
  board: { title: 'Read the boards', sources: SMBIOS, tools: [], read: ({ root }) => readBoards(root) },
  chassis: { title: 'Read the chassis', sources: SMBIOS, tools: [], read: ({ root }) => readChassis(root) },
  boot: {
    title: 'Read the boot mode',
    sources: ['/sys/firmware', SMBIOS_TABLE],
    tools: [],
    read: ({ root }) => readBoot(root),
  },
  bmc: {
    title: 'Look for a BMC',
    sources: [IPMI_CLASS, SMBIOS_TABLE],
    tools: [],
    read: ({ root }) => readBmc(root),
  },
  cpu: {
    title: 'Read the processors',
    sources: [CPUINFO, CPU_DIR, SMBIOS_TABLE],
    tools: ['lscpu'],
    read: ({ root }, { systeminformation }) => readCpu(root, systeminformation),
  },
  memory: {
    title: 'Read the memory',
    sources: [MEMINFO, SMBIOS_TABLE],
    tools: [],
    read: ({ root }) => readMemory(root),
  },
  disks: {
    title: 'Read the disks',
    sources: [BLOCK, UDEV_DATA, PCI_DEVICES],
    tools: ['smartctl'],
    read: ({ root, exec, signal }) => readDisks(root, exec, signal),
  },
  network: {
    title: 'Read the network cards',
    sources: [NET_CLASS, PCI_DEVICES],
    tools: ['ethtool', 'ip'],
    read: ({ root, exec, signal }) => readNetwork(root, exec, signal),
  },
  pci: {
    title: 'Read the PCI buses',
    sources: [PCI_DEVICES, PCI_IDS],
    tools: [],
    read: ({ root }) => readPci(root),
  },
  filesystems: {
    title: 'Read the file systems',
    sources: [MOUNTINFO],
    tools: ['df', 'awk'],
    read: ({ root, exec, signal }, { diskInfo }) => readFilesystems(root, exec, diskInfo, signal),
  },
}
