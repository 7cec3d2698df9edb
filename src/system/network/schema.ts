import * as z from 'zod'
import { disagreementSchema, findingSchema, flag, number, text } from '../finding.ts'

export const driverlessSchema = findingSchema(
  z.array(z.object({ address: z.string(), class: z.string() })),
).describe('PCI functions of this kind that no driver drives: what they carry is not seen')

export const networkCardSchema = z.object({
  name: z.string(),
  mac: text.describe('the address in use'),
  permanentMac: text,
  bus: z.enum(['pci', 'usb', 'other']),
  pciAddress: text,
  driver: text,
  firmware: text,
  link: flag.describe('carrier; unknown while the interface is down'),
  speedMbps: number,
  duplex: text,
  operState: text,
  numaNode: number,
  bmcLike: z.boolean().describe('a USB network function such as a BMC gives to its host: not a network card'),
})

export const networkSchema = z.object({
  cards: z.array(networkCardSchema),
  notCounted: z.object({ virtual: z.number(), virtualFunctions: z.number() }),
  driverless: driverlessSchema,
  disagreements: z.array(disagreementSchema),
})

export type NetworkCard = z.infer<typeof networkCardSchema>
export type Network = z.infer<typeof networkSchema>
