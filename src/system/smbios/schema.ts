import * as z from 'zod'
import { flag, number, text } from '../finding.ts'

export const systemSchema = z.object({
  manufacturer: text,
  product: text,
  version: text,
  serial: text,
  uuid: text,
  sku: text,
  family: text,
})

export const biosSchema = z.object({
  vendor: text,
  version: text,
  date: text,
  release: text,
  smbios: text.describe('version of the SMBIOS table'),
  virtualMachine: flag.describe('the firmware says that it runs in a virtual machine'),
})

export const boardSchema = z.object({
  manufacturer: text,
  product: text,
  version: text,
  serial: text,
  assetTag: text,
  location: text,
})

export const chassisSchema = z.object({
  manufacturer: text,
  type: text,
  version: text,
  serial: text,
  assetTag: text,
  sku: text,
  heightUnits: number.describe('rack units of 44.45 mm'),
})

export type System = z.infer<typeof systemSchema>
export type Bios = z.infer<typeof biosSchema>
export type Board = z.infer<typeof boardSchema>
export type Chassis = z.infer<typeof chassisSchema>
