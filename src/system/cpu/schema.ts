import * as z from 'zod'
import { disagreementSchema, findingSchema, flag, number, text } from '../finding.ts'

export const socketSchema = z.object({
  socket: text,
  populated: flag,
  version: text,
  serial: text,
  partNumber: text,
  cores: number,
  coresEnabled: number,
  threads: number,
  maxSpeedMhz: number,
})

export const cpuSchema = z.object({
  manufacturer: text,
  model: text,
  brand: text.describe('the model without maker, as systeminformation names it'),
  family: text,
  modelNumber: text,
  stepping: text,
  microcode: text,
  packages: number.describe('processors with at least one thread online'),
  cores: number,
  threads: number.describe('logical processors online'),
  threadsPerCore: number,
  offlineThreads: number,
  maxMhz: number,
  minMhz: number,
  virtualization: flag.describe('VT-x or AMD-V on offer'),
  hypervisor: flag.describe('it runs as a guest'),
  flags: findingSchema(z.array(z.string())),
  cache: findingSchema(
    z.object({ l1d: z.number(), l1i: z.number(), l2: z.number(), l3: z.number() }).partial(),
  ).describe('bytes, all instances together'),
  numaNodes: number,
  sockets: findingSchema(z.array(socketSchema)).describe('SMBIOS type 4, empty sockets too'),
  disagreements: z.array(disagreementSchema),
})

export type CpuSocket = z.infer<typeof socketSchema>
export type Cpu = z.infer<typeof cpuSchema>
