import { lstat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as z from 'zod'
import { CommandError, ToolMissingError } from '../errors.ts'
import type { Exec } from '../system/exec.ts'
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
  /** Present when this boot belongs to a trial. `deadline`: seconds since the kernel's start at which it has to be confirmed. */
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

/** systemd-volatile-root(8) leaves there which device its overlay covers, as /dev/block/MAJOR:MINOR. */
const COVERED_ROOT = '/run/systemd/volatile-root'

/**
 * The file behind the root filesystem, when that is a loop device, or an overlay above one: the kernel tells its name of
 * now (loop(4)). `gone`: it has none any more. Undefined: it is no image, or it cannot be told.
 * @param elsewhere asked for the file of a loop device whose name went to another one: it may have a second name
 */
export async function imageOfRoot(
  root: MachineRoot,
  elsewhere: (device: string) => Promise<FileKey | undefined> = async () => undefined,
): Promise<FileKey | 'gone' | undefined> {
  const mounts = (await root.readText('/proc/self/mounts')) ?? ''
  const source = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .findLast(([, target]) => target === '/')?.[0]
  const covered = source === 'overlay' ? await root.readLink(COVERED_ROOT) : undefined
  const device = /^\/dev\/(loop\d+)$/.exec(source ?? '')?.[1]
  const block = device === undefined ? blockOf(covered) : `/sys/block/${device}`
  if (block === undefined) return undefined
  const file = await root.readText(join(block, 'loop/backing_file'))
  if (file === undefined) return undefined
  if (file.endsWith(' (deleted)')) {
    const name = device ?? basename((await root.readLink(block)) ?? '')
    return (await elsewhere(name)) ?? 'gone'
  }
  const found = await lstat(root.path(file), { bigint: true }).catch(() => undefined)
  return found?.isFile() ? `${found.ino}-${found.birthtimeNs}` : undefined
}

/** Of these files the one that a loop device was made of, by its inode. */
export async function fileOfLoop(
  device: string,
  files: readonly FileKey[],
  exec: Exec,
  signal: AbortSignal,
): Promise<FileKey | undefined> {
  const args = ['--list', '--noheadings', '--output', 'BACK-INO', `/dev/${device}`]
  const told = await exec('losetup', args, { signal, timeout: 30_000 }).catch((error: unknown) => {
    signal.throwIfAborted()
    if (error instanceof CommandError || error instanceof ToolMissingError) return undefined
    throw error
  })
  const inode = told?.stdout.trim() ?? ''
  return /^\d+$/.test(inode) ? files.find((key) => key.startsWith(`${inode}-`)) : undefined
}

/** Loop devices have the major number 7 (Documentation/admin-guide/devices.txt of the kernel). */
function blockOf(link: string | undefined): string | undefined {
  const name = link === undefined ? '' : basename(link)
  return /^7:\d+$/.test(name) ? `/sys/dev/block/${name}` : undefined
}
