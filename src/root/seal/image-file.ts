import { access as checkWritable, constants, mkdtemp, rmdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import * as z from 'zod'
import { CommandError, InputError, ReadError, SpeedisoError } from '../../errors.ts'
import type { Exec } from '../../system/exec.ts'
import { mountMessage } from '../candidate/mounted.ts'
import { parseSuperblock, readHead } from '../candidate/superblock.ts'

export interface ImageFileDeps {
  exec: Exec
  /** Where folders for mounts are made. */
  temporary: string
  /** `/sys`, to see which filesystems are mounted. */
  sys: string
}

/** An image that is mounted. */
export interface OpenedImage {
  root: string
  type: string
  /** Tells the loop device which blocks are free, which become holes in the file; what fstrim says. @throws CommandError */
  trim(): Promise<string>
  /** Unmounts it. @throws CommandError when that fails: the file is not to be used */
  close(): Promise<void>
}

/** Milliseconds for one program; unmounting writes back what the machine still holds. */
const LIMIT = 300_000

/** Filesystems that nobody can change in place. */
const READ_ONLY = new Set(['squashfs', 'erofs', 'cramfs', 'romfs', 'iso9660', 'udf'])

const loopsSchema = z.object({ loopdevices: z.array(z.object({ name: z.string() })) })

/** Mounts an image file. @throws InputError when it is none that can be, or is in use: nothing was done */
export async function openImage(
  path: string,
  { readOnly }: { readOnly: boolean },
  { exec, temporary, sys }: ImageFileDeps,
): Promise<OpenedImage> {
  const file = resolve(path)
  const { type, uuid } = await probe(file, exec)
  const loops = await loopsOf(file, exec)
  if (loops.length > 0)
    throw new InputError(`${path} is in use: ${loops.join(', ')} is made of it`, {
      hint: 'seal a copy of it, or unmount it first; losetup --list shows what is in use',
    })
  // Btrfs takes a second filesystem with the same UUID for a part of the first.
  if (type === 'btrfs' && uuid !== undefined && (await exists(join(sys, 'fs/btrfs', uuid))))
    throw new InputError(`${path}: a Btrfs filesystem with the same UUID is mounted on this machine`, {
      hint: 'seal it on another machine, or give it another UUID with btrfstune -m',
    })
  const root = await mkdtemp(join(temporary, 'speediso-seal-'))
  // XFS refuses a second filesystem with the same UUID, such as the version of the image that runs.
  const access = readOnly ? 'ro' : 'rw'
  const flags = [
    'loop',
    access,
    'nodev',
    'nosuid',
    'noexec',
    'noatime',
    ...(type === 'xfs' ? ['nouuid'] : []),
  ]
  const unmount = async () => {
    await exec('umount', [root], unstoppable())
    await rmdir(root)
    if ((await loopsOf(file, exec)).length > 0)
      throw new ReadError(`${path}: is unmounted, and its loop device is still there`)
  }
  try {
    await exec('mount', ['-t', type, '-o', flags.join(','), file, root], unstoppable())
  } catch (cause) {
    await rmdir(root)
    if (!(cause instanceof CommandError) || cause.facts.timedOut === true)
      throw new SpeedisoError(`${path} cannot be mounted`, { cause })
    throw new InputError(`${path} cannot be mounted: ${mountMessage(cause, file, root)}`, {
      hint: 'is it a whole root image?',
      cause,
    })
  }
  try {
    if (!readOnly) await checkWritable(root, constants.W_OK)
  } catch (cause) {
    await unmount()
    throw new InputError(`${path} can only be read here`, {
      hint: 'copy it to where it can be written',
      cause,
    })
  }
  return {
    root,
    type,
    async trim() {
      // Btrfs and XFS let go of what was freed only when what freed it is written.
      await exec('sync', ['--file-system', root], unstoppable())
      const { stdout } = await exec('fstrim', ['--verbose', root], unstoppable())
      return stdout.trim().replace(`${root}: `, '')
    },
    close: unmount,
  }
}

/** One that is ended in the middle would leave what nobody knows of. */
const unstoppable = () => ({ timeout: LIMIT, signal: new AbortController().signal })

async function probe(file: string, exec: Exec): Promise<{ type: string; uuid: string | undefined }> {
  const stats = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`${file}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`)
  })
  if (!stats.isFile()) throw new InputError(`${file}: neither an image file nor a folder`)
  // 2: nothing was found, 8: more than one thing was (blkid(8)).
  const { stdout, exitCode } = await exec('blkid', ['--probe', '--output', 'export', file], {
    okExitCodes: [2, 8],
  })
  const values = new Map(stdout.split('\n').map((line) => line.split(/=(.*)/s, 2) as [string, string]))
  if (values.has('PTTYPE'))
    throw new InputError(`${file} is a whole disk with a partition table`, {
      hint: 'a root image is one filesystem: copy its partition out',
    })
  const type = values.get('TYPE')
  if (type === undefined)
    throw new InputError(
      `${file}: ${exitCode === 8 ? 'more than one filesystem' : 'no filesystem'} is found in it`,
    )
  const usage = values.get('USAGE') ?? 'filesystem'
  if (usage !== 'filesystem')
    throw new InputError(`${file}: is ${type} and no filesystem`, { hint: 'name a root image' })
  if (READ_ONLY.has(type))
    throw new InputError(`${file}: its filesystem (${type}) cannot be changed`, {
      hint: 'seal the folder that it is made of, then make it again',
    })
  await checkSize(file, stats.size)
  return { type, uuid: values.get('UUID') }
}

/** A filesystem that is cut off may mount, and lose what was behind the cut. @throws InputError */
async function checkSize(file: string, size: number): Promise<void> {
  const superblock = parseSuperblock(await readHead(file))
  if (superblock === undefined || superblock.bytes <= size) return
  const { type, bytes } = superblock
  throw new InputError(`${file}: has ${size} bytes, and its ${type} filesystem takes ${bytes}`, {
    hint: 'copy it whole',
  })
}

async function loopsOf(file: string, exec: Exec): Promise<string[]> {
  const { stdout } = await exec('losetup', ['--json', '--list', '--output', 'NAME', '--associated', file])
  if (stdout.trim() === '') return []
  const parsed = loopsSchema.safeParse(JSON.parse(stdout))
  if (!parsed.success) throw new CommandError('losetup tells something else than a list of loop devices')
  return parsed.data.loopdevices.map(({ name }) => name)
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
