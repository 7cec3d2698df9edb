import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import type { MachineRoot } from '../system/machine-root.ts'
import { writeDocument } from '../system/write-file.ts'
import type { FileKey } from './record.ts'

/** What the initramfs tells the system that it starts. */
export const runningSchema = z.strictObject({
  schema: z.literal('speediso.root-running/1'),
  /** Where hostpart is mounted. */
  hostpart: z.string(),
  /** Path of the current image on hostpart, as in real_root=. */
  realRoot: z.string(),
  /** File of the image that is the root. */
  image: z.string(),
  id: z.string().optional(),
  version: z.string().optional(),
  /** Present when this boot belongs to a trial. */
  trial: z.strictObject({ boot: z.int(), limit: z.int(), deadline: z.number() }).optional(),
  outcome: z.string(),
})
export type Running = z.infer<typeof runningSchema>

export const RUNNING_FILE = '/run/speediso/root.json'

/** @param root whose /run/speediso is there */
export async function writeRunning(root: MachineRoot, running: Running): Promise<void> {
  await writeDocument(root.path(RUNNING_FILE), running)
}

/** Undefined: the initramfs has told nothing, or nothing that can be read. */
export async function readRunning(root: MachineRoot): Promise<Running | undefined> {
  const text = await root.readText(RUNNING_FILE)
  if (text === undefined) return undefined
  try {
    return runningSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** The file behind the root filesystem, when that is a loop device: the kernel tells its name of now (loop(4)). */
export async function imageOfRoot(root: MachineRoot): Promise<FileKey | undefined> {
  const mounts = (await root.readText('/proc/self/mounts')) ?? ''
  const source = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .findLast(([, target]) => target === '/')?.[0]
  const device = /^\/dev\/(loop\d+)$/.exec(source ?? '')?.[1]
  if (device === undefined) return undefined
  const file = await root.readText(join('/sys/block', device, 'loop/backing_file'))
  if (file === undefined) return undefined
  const found = await lstat(root.path(file), { bigint: true }).catch(() => undefined)
  return found?.isFile() ? `${found.ino}-${found.birthtimeNs}` : undefined
}
