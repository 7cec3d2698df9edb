import * as z from 'zod'
import { disksSchema } from '../../src/system/block/schema.ts'
import { bmcSchema } from '../../src/system/bmc.ts'
import { bootSchema } from '../../src/system/boot-mode.ts'
import { cpuSchema } from '../../src/system/cpu/schema.ts'
import { filesystemsSchema } from '../../src/system/filesystem/schema.ts'
import { disagreementSchema, findingSchema } from '../../src/system/finding.ts'
import { memorySchema } from '../../src/system/memory/schema.ts'
import { networkSchema } from '../../src/system/network/schema.ts'
import { pciSchema } from '../../src/system/pci/schema.ts'
import { biosSchema, boardSchema, chassisSchema, systemSchema } from '../../src/system/smbios/schema.ts'

export const INVENTORY_SCHEMA = 'speediso.inventory/1'

/** Every section, in the order in which people read them. */
export const SECTIONS = [
  'system',
  'bios',
  'board',
  'chassis',
  'boot',
  'bmc',
  'cpu',
  'memory',
  'disks',
  'network',
  'pci',
  'filesystems',
] as const

export type SectionName = (typeof SECTIONS)[number]

const sectionsSchema = z
  .object({
    system: findingSchema(systemSchema),
    bios: findingSchema(biosSchema),
    board: findingSchema(z.array(boardSchema)),
    chassis: findingSchema(z.array(chassisSchema)),
    boot: findingSchema(bootSchema),
    bmc: findingSchema(bmcSchema),
    cpu: findingSchema(cpuSchema),
    memory: findingSchema(memorySchema),
    disks: findingSchema(disksSchema),
    network: findingSchema(networkSchema),
    pci: findingSchema(pciSchema),
    filesystems: findingSchema(filesystemsSchema),
  } satisfies Record<SectionName, z.ZodType>)
  .partial()

export const missingSchema = z.object({ section: z.string(), what: z.string(), reason: z.string() })

/** The inventory of one machine. A section that was not asked for is not there. */
export const inventorySchema = z.object({
  schema: z.literal(INVENTORY_SCHEMA),
  sections: sectionsSchema,
  missing: z.array(missingSchema).describe('core values that are unknown, with the reason'),
  disagreements: z.array(disagreementSchema.extend({ section: z.string() })),
})

export type Sections = z.infer<typeof sectionsSchema>
export type Missing = z.infer<typeof missingSchema>
export type Inventory = z.infer<typeof inventorySchema>
