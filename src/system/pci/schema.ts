import * as z from 'zod'
import { findingSchema, number, text } from '../finding.ts'

export const pciLinkSchema = z.object({
  speed: z.number().describe('GT/s a lane, as negotiated'),
  maxSpeed: z.number().describe('GT/s a lane that the device can do'),
  width: z.number().describe('lanes, as negotiated'),
  maxWidth: z.number().describe('lanes that the device has'),
  belowMaximum: z.boolean(),
})

export const pciDeviceSchema = z.object({
  address: z.string().describe('domain:bus:device.function'),
  class: z.string().describe('six hexadecimal digits: base class, sub class, programming interface'),
  vendorId: z.string(),
  deviceId: z.string(),
  subsystemVendorId: z.string().nullable(),
  subsystemDeviceId: z.string().nullable(),
  names: findingSchema(
    z.object({ vendor: z.string().nullable(), device: z.string().nullable(), class: z.string().nullable() }),
  ),
  driver: text.describe('absent: no driver is bound to it'),
  link: findingSchema(pciLinkSchema).describe('absent: it has no PCI Express link'),
  numaNode: number,
})

export const pciSchema = z.object({
  devices: z.array(pciDeviceSchema),
  unreadable: z.array(z.object({ address: z.string(), reason: z.string() })),
})

export type PciLink = z.infer<typeof pciLinkSchema>
export type PciDevice = z.infer<typeof pciDeviceSchema>
export type Pci = z.infer<typeof pciSchema>
