import * as z from 'zod'
import { disagreementSchema, findingSchema, flag, number, text } from '../finding.ts'

export const ECC = ['none', 'parity', 'single-bit', 'multi-bit', 'crc'] as const

export const memorySlotSchema = z.object({
  locator: text,
  bank: text,
  populated: flag,
  sizeBytes: number.describe('absent: the slot is empty'),
  formFactor: text,
  type: text,
  speedMts: number.describe('rated, million transfers a second'),
  configuredSpeedMts: number,
  manufacturer: text,
  serial: text,
  partNumber: text,
  assetTag: text,
  rank: number,
  totalWidthBits: number,
  dataWidthBits: number,
})

export const memorySchema = z.object({
  totalBytes: number.describe('what the kernel can use'),
  installedBytes: number.describe('sum of the modules'),
  maxCapacityBytes: number,
  ecc: findingSchema(z.enum(ECC)),
  slots: findingSchema(z.array(memorySlotSchema)),
  notes: z.array(z.string()),
  disagreements: z.array(disagreementSchema),
})

export type MemorySlot = z.infer<typeof memorySlotSchema>
export type Memory = z.infer<typeof memorySchema>
export type EccMode = (typeof ECC)[number]
