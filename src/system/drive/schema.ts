import * as z from 'zod'

/**
 * Ways to erase a drive. Names: interface, command, variant. The level each reaches is in tasks/wipe, after IEEE 2883 as
 * mapped by Seagate's opensea-operations.
 */
export const FIRMWARE_METHODS = [
  'nvme-sanitize-crypto',
  'nvme-sanitize-block',
  'nvme-sanitize-overwrite',
  'nvme-format-crypto',
  'nvme-format-user-data',
  'ata-sanitize-crypto',
  'ata-sanitize-block',
  'ata-sanitize-overwrite',
  'ata-security-erase-enhanced',
  'ata-security-erase',
  'scsi-sanitize-crypto',
  'scsi-sanitize-block',
  'scsi-sanitize-overwrite',
  'scsi-format',
] as const

export const namespaceSchema = z.object({
  nsid: z.int().positive(),
  attached: z.boolean(),
  path: z.string().nullable().describe('/dev/nvme0n1; null: it has no block device'),
  sizeBytes: z.number().nullable(),
  lbaFormat: z.int().nullable().describe('index of the LBA format in use'),
})

/** NVM Express base specification 2.0, Identify Controller (SANICAP, FNA, OACS), Sanitize Status log (81h). */
export const nvmeCapabilitiesSchema = z.object({
  kind: z.literal('nvme'),
  controller: z.string().describe('/dev/nvme0; of a multipath subsystem the first controller on PCI'),
  subsystem: z.string().describe('NQN: drives with the same one are one drive'),
  namespaces: z.array(namespaceSchema),
  sanitize: z.object({ crypto: z.boolean(), block: z.boolean(), overwrite: z.boolean() }),
  format: z.object({
    supported: z.boolean(),
    everyNamespace: z.boolean().describe('FNA bit 0: a format acts on all namespaces'),
    eraseEveryNamespace: z.boolean().describe('FNA bit 1: a secure erase acts on all namespaces'),
    crypto: z.boolean().describe('FNA bit 2'),
    noBroadcast: z.boolean().describe('FNA bit 3: the broadcast NSID is not taken'),
  }),
  sanitizeState: z.enum(['never', 'completed', 'completed-no-deallocate', 'running', 'failed', 'unknown']),
  sanitizeSeconds: z
    .object({ crypto: z.number().nullable(), block: z.number().nullable(), overwrite: z.number().nullable() })
    .optional()
    .describe("the drive's own estimates; null: not stated"),
  unallocatedBytes: z
    .number()
    .nullable()
    .describe('capacity in no namespace: only sanitize reaches it; null: not stated'),
})

/** ACS-5: IDENTIFY DEVICE words 59, 82 to 85, 89, 90, 128; READ NATIVE MAX; DEVICE CONFIGURATION IDENTIFY; AMAC. */
export const ataCapabilitiesSchema = z.object({
  kind: z.literal('ata'),
  sanitize: z.object({
    supported: z.boolean(),
    crypto: z.boolean(),
    block: z.boolean(),
    overwrite: z.boolean(),
    antifreeze: z.boolean(),
  }),
  sanitizeState: z.enum(['idle', 'running', 'frozen', 'failed', 'completed', 'unknown']),
  security: z.object({
    supported: z.boolean(),
    enabled: z.boolean(),
    locked: z.boolean(),
    frozen: z.boolean(),
    countExpired: z.boolean(),
    enhanced: z.boolean(),
    eraseMinutes: z.number().nullable(),
    enhancedMinutes: z.number().nullable(),
  }),
  sectors: z.object({
    current: z.number().nullable(),
    native: z.number().nullable().describe('above current: a host protected area (HPA) hides the rest'),
    dco: z.number().nullable().describe('above native: a device configuration overlay (DCO) hides the rest'),
    logicalBytes: z.number(),
    unread: z
      .array(z.string())
      .optional()
      .describe(
        'why native or dco is null though the drive has what could hide sectors; absent: nothing hides any',
      ),
  }),
})

/** SPC-6/SBC-4: REPORT SUPPORTED OPERATION CODES for SANITIZE service actions, READ CAPACITY. */
export const scsiCapabilitiesSchema = z.object({
  kind: z.literal('scsi'),
  sanitize: z.object({ crypto: z.boolean(), block: z.boolean(), overwrite: z.boolean() }),
  format: z.boolean(),
  logicalBytes: z.number().describe('520 or 528 before a format to 512'),
  running: z.enum(['none', 'sanitize', 'format']).describe('of an erase that was begun earlier'),
})

/** Nothing but reads and writes: virtio, USB, SD, a RAID volume, a loop device. */
export const plainCapabilitiesSchema = z.object({ kind: z.literal('plain') })

export const capabilitiesSchema = z.discriminatedUnion('kind', [
  nvmeCapabilitiesSchema,
  ataCapabilitiesSchema,
  scsiCapabilitiesSchema,
  plainCapabilitiesSchema,
])

export type FirmwareMethod = (typeof FIRMWARE_METHODS)[number]
export type NvmeCapabilities = z.infer<typeof nvmeCapabilitiesSchema>
export type AtaCapabilities = z.infer<typeof ataCapabilitiesSchema>
export type ScsiCapabilities = z.infer<typeof scsiCapabilitiesSchema>
export type Capabilities = z.infer<typeof capabilitiesSchema>

/** How a firmware erase ended. */
export interface FirmwareOutcome {
  /**
   * `done`: the drive states its positive end. `rejected`: the drive did not begin, its data is as it was, another
   * method may be tried. `failed`: it began and says that it failed. `unknown`: it began, and nothing tells the end.
   */
  state: 'done' | 'rejected' | 'failed' | 'unknown'
  /** Why, for everything but `done`: one line. */
  reason?: string
  /** What it really was, where the drive states that; only of an erase that was running already. */
  method?: FirmwareMethod
  /** Commands with their exit codes and the states that the drive reported, first and last. */
  evidence: Readonly<Record<string, unknown>>
}
