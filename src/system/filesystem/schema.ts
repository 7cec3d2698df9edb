import * as z from 'zod'
import { disagreementSchema, findingSchema } from '../finding.ts'

export const filesystemSchema = z.object({
  device: z.string(),
  mountPoint: z.string(),
  type: z.string(),
  readOnly: z.boolean(),
  usage: findingSchema(
    z.object({ sizeBytes: z.number(), usedBytes: z.number(), availableBytes: z.number() }),
  ),
})

export const filesystemsSchema = z.object({
  mounted: z.array(filesystemSchema),
  notCounted: z.number().describe('kernel file systems such as proc and cgroup'),
  disagreements: z.array(disagreementSchema),
})

export type Filesystem = z.infer<typeof filesystemSchema>
export type Usage = Extract<Filesystem['usage'], { status: 'known' }>['value']
export type Filesystems = z.infer<typeof filesystemsSchema>
