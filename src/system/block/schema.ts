import * as z from 'zod'
import { disagreementSchema, findingSchema, flag, number, text } from '../finding.ts'
import { driverlessSchema } from '../network/schema.ts'

export const TRANSPORTS = [
  'nvme',
  'nvme-fabrics',
  'sata',
  'ata',
  'sas',
  'scsi',
  'raid',
  'usb',
  'virtio',
  'fc',
  'iscsi',
  'srp',
  'mmc',
  'nvdimm',
  'xen',
  'other',
] as const

const holders = findingSchema(z.array(z.string())).describe('block devices that stand on it; absent: none')

export const partitionSchema = z.object({
  name: z.string(),
  number: number,
  sizeBytes: number,
  holders,
})

export const diskSchema = z.object({
  name: z.string(),
  path: z.string(),
  transport: findingSchema(z.enum(TRANSPORTS)),
  vendor: text,
  model: text,
  serial: text,
  wwn: text.describe('as lsblk and udev write it: 0x… (NAA), or eui., nguid. or uuid. and digits'),
  firmware: text,
  sizeBytes: number,
  logicalSectorBytes: number,
  physicalSectorBytes: number,
  rotational: flag,
  readOnly: flag,
  removable: flag,
  pciAddress: text,
  byPath: text.describe('name under /dev/disk/by-path'),
  partitions: findingSchema(z.array(partitionSchema)).describe('absent: it has none'),
  holders,
})

export const opticalSchema = z.object({ name: z.string(), model: text })

export const disksSchema = z.object({
  disks: z.array(diskSchema),
  optical: z.array(opticalSchema),
  notCounted: z.record(z.string(), z.number()).describe('other block devices: how many of each kind'),
  driverless: driverlessSchema,
  notes: z.array(z.string()),
  disagreements: z.array(disagreementSchema),
})

export type Transport = (typeof TRANSPORTS)[number]
export type Partition = z.infer<typeof partitionSchema>
export type Disk = z.infer<typeof diskSchema>
export type Optical = z.infer<typeof opticalSchema>
export type Disks = z.infer<typeof disksSchema>
