import * as z from 'zod'

/** Something recognisable that lies on a block device: a partition table, a file system, a member of something. */
export const signatureSchema = z.object({
  type: z
    .string()
    .describe('as libblkid names it: ext4, LVM2_member, linux_raid_member, crypto_LUKS, gpt, …'),
  usage: z.enum(['partition-table', 'filesystem', 'raid', 'crypto', 'other']),
  offset: z.number().nullable().describe('bytes from the start of the device; null: not stated'),
  label: z.string().optional(),
  uuid: z.string().optional(),
})

export const NODE_KINDS = ['disk', 'partition', 'md', 'dm', 'bcache', 'loop', 'other'] as const
export const DM_ROLES = ['lvm', 'crypt', 'multipath', 'raid', 'other'] as const

/** One block device of the kernel, and what it stands on. */
export const blockNodeSchema = z.object({
  name: z
    .string()
    .describe("the kernel's name: sda, sda1, md127, dm-0, bcache0; of a bcache cache set its UUID"),
  path: z.string().describe('/dev/…; of a bcache cache set its folder below /sys/fs/bcache'),
  dev: z.string().describe('major:minor; empty: it has no device number'),
  kind: z.enum(NODE_KINDS),
  dmRole: z.enum(DM_ROLES).optional().describe('device-mapper only, from the prefix of its UUID'),
  dmName: z.string().optional(),
  sizeBytes: z.number(),
  readOnly: z.boolean(),
  on: z
    .array(z.string())
    .describe('names of the devices directly below: the disk of a partition, members of an array'),
  mounts: z.array(z.string()).describe('mount points, in this mount namespace'),
  swap: z.boolean(),
  backingFile: z.string().optional().describe('loop devices only'),
  backingDev: z.string().optional().describe('loop devices only: major:minor of the file system of the file'),
  partitionType: z.string().optional().describe('type of the partition: a GUID, or 0x and digits'),
  volumeGroup: z
    .object({ uuid: z.string(), name: z.string(), shared: z.boolean() })
    .optional()
    .describe('LVM physical volumes only; shared: by lvmlockd or clvmd'),
  signatures: z.array(signatureSchema),
})

/** One mount of this mount namespace. */
export const stackMountSchema = z.object({
  id: z.number(),
  parent: z.number().describe('id of the mount that its mount point lies on'),
  dev: z.string().describe('major:minor of the file system'),
  mountPoint: z.string(),
  type: z.string(),
  source: z.string(),
  readOnly: z.boolean(),
  on: z.array(z.string()).describe('block devices of the file system: several for btrfs and bcachefs'),
  pool: z.string().optional().describe('ZFS only'),
  uses: z.array(z.number()).describe('ids of the mounts on which the directories of an overlay lie'),
  /** Directories of an overlay that lie on no mount that is seen. */
  lost: z.array(z.string()),
})

/** Everything that stands on the disks of a machine. */
export const blockStackSchema = z.object({
  nodes: z.array(blockNodeSchema),
  /** In the order in which the kernel lists them. */
  mounts: z.array(stackMountSchema),
  /** Swap files, each with the major:minor of its file system, if that is known. */
  swapFiles: z.array(z.object({ path: z.string(), dev: z.string().optional() })),
  /** Imported ZFS pools. */
  pools: z.array(z.object({ name: z.string(), on: z.array(z.string()) })),
  /** Disks that carry what this very system runs from, by kernel name, each with the reason. Never touched. */
  boot: z.record(z.string(), z.string()),
  /**
   * Parts of this system of which it could not be found out where they lie, one line each. Any disk may then be the boot
   * medium: none that is mounted, removable or read-only may be touched.
   */
  untraced: z.array(z.string()),
  /** What could not be read of a device, by kernel name: to be taken as in use. */
  unreadable: z.record(z.string(), z.string()),
  /**
   * Devices that give no data (a locked drive, a defect at its start), by kernel name. What stands on them is known,
   * what lies on them is not: never to be called empty.
   */
  silent: z.record(z.string(), z.string()),
})

/** One act that takes apart what stands on disks; in the order given. */
export const teardownActionSchema = z.discriminatedUnion('act', [
  z.object({ act: z.literal('swapoff'), path: z.string() }),
  z.object({ act: z.literal('unmount'), mountPoint: z.string() }),
  z.object({ act: z.literal('stop-md'), path: z.string() }),
  z.object({ act: z.literal('deactivate-lvm'), path: z.string(), dmName: z.string() }),
  z.object({ act: z.literal('close-crypt'), path: z.string(), dmName: z.string() }),
  z.object({ act: z.literal('remove-dm'), path: z.string(), dmName: z.string() }),
  z.object({
    act: z.literal('stop-bcache'),
    name: z.string().describe('bcache0, or the UUID of a cache set'),
  }),
  z.object({ act: z.literal('detach-loop'), path: z.string() }),
  z.object({ act: z.literal('export-zfs'), pool: z.string() }),
])

export type Signature = z.infer<typeof signatureSchema>
export type BlockNode = z.infer<typeof blockNodeSchema>
export type StackMount = z.infer<typeof stackMountSchema>
export type BlockStack = z.infer<typeof blockStackSchema>
export type TeardownAction = z.infer<typeof teardownActionSchema>
