import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { DiskWorkError, errorCode, GoneError } from './errors.ts'
import { type BlockIoctl, loadBlockIoctl } from './ioctl.ts'

/** A disk that is open past the kernel's cache. Offsets, lengths and memory have to be whole sectors. */
export interface BlockFile {
  /** What a defect costs at least: the disk's physical sector. */
  readonly physicalBytes: number
  /** Fills the whole target. Rejects with the system's error. */
  read(target: Uint8Array, offset: number): Promise<void>
  write(source: Uint8Array, offset: number): Promise<void>
  /** The disk's own cache is written. */
  flush(): Promise<void>
  /** Why it is not the disk any more that was opened; undefined while it is. */
  gone(): Promise<string | undefined>
  close(): Promise<void>
}

export interface OpenOptions {
  path: string
  /** What it must be. */
  sizeBytes: number
  sectorBytes: number
  write: boolean
}

/** One that has just been let go may be busy for a moment: so often, so many milliseconds apart. */
const BUSY_TRIES = 10
const BUSY_WAIT = 200

/**
 * Opens a block device (or a regular file) for this process alone, reads and writes past the cache, and lets the kernel
 * forget what it has cached of it.
 * @throws GoneError when it is not there or is of another size
 * @throws DiskWorkError when it is in use, read-only or no disk
 */
export async function openBlockFile(options: OpenOptions): Promise<BlockFile> {
  const { path, sizeBytes, sectorBytes } = options
  const ioctl = await loadBlockIoctl()
  const handle = await openAlone(options)
  try {
    const { fd } = handle
    const stats = await handle.stat()
    if (!stats.isBlockDevice() && !stats.isFile()) throw new DiskWorkError(`${path} is no block device`)
    const block = stats.isBlockDevice()
    // The kernel opens such a one for writing all the same.
    if (block && options.write && ioctl.readOnly(fd)) throw new DiskWorkError(`${path} is read-only`)
    if (block && ioctl.logicalBytes(fd) !== sectorBytes) {
      throw new GoneError(`its sectors are of ${ioctl.logicalBytes(fd)} bytes, not ${sectorBytes}`, 0)
    }
    const file = blockFile(handle, options, block, ioctl)
    const gone = await file.gone()
    if (gone !== undefined) throw new GoneError(gone, 0)
    if (block) ioctl.dropCache(fd)
    return file
  } catch (error) {
    await handle.close()
    throw error instanceof GoneError || error instanceof DiskWorkError
      ? error
      : new DiskWorkError(`${path} (${sizeBytes} bytes) cannot be examined`, { cause: error })
  }
}

async function openAlone({ path, write }: OpenOptions): Promise<FileHandle> {
  const { O_RDWR, O_RDONLY, O_DIRECT, O_EXCL } = constants
  for (let tries = 1; ; tries += 1) {
    try {
      // Without O_CREAT, O_EXCL is the kernel's own guard: EBUSY while it, or a partition of it, is mounted or claimed.
      return await open(path, (write ? O_RDWR : O_RDONLY) | O_DIRECT | O_EXCL)
    } catch (cause) {
      const code = errorCode(cause) ?? 'error'
      if (code === 'EBUSY' && tries < BUSY_TRIES) await sleep(BUSY_WAIT)
      else if (['ENOENT', 'ENXIO', 'ENODEV', 'ENOMEDIUM'].includes(code))
        throw new GoneError(`${path}: ${code}`, 0)
      else throw new DiskWorkError(`${path} cannot be opened: ${why(code)}`, { cause })
    }
  }
}

function why(code: string): string {
  if (code === 'EBUSY') return 'it is in use (EBUSY)'
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM')
    return `it is read-only or not allowed (${code})`
  return code
}

function blockFile(handle: FileHandle, options: OpenOptions, block: boolean, ioctl: BlockIoctl): BlockFile {
  const { path, sizeBytes, sectorBytes } = options
  const { fd } = handle
  const physicalBytes = block ? defectBytes(ioctl.physicalBytes(fd), sectorBytes) : sectorBytes
  async function whole(
    buffer: Uint8Array,
    offset: number,
    move: (from: number, length: number, at: number) => Promise<number>,
  ): Promise<void> {
    for (let done = 0; done < buffer.length; ) {
      const moved = await move(done, buffer.length - done, offset + done)
      // The end of the device: it is shorter than it was.
      if (moved === 0) throw Object.assign(new Error(`nothing at ${offset + done}`), { code: 'EIO' })
      done += moved
    }
  }
  return {
    physicalBytes,
    read: (target, offset) =>
      whole(
        target,
        offset,
        async (from, length, at) => (await handle.read(target, from, length, at)).bytesRead,
      ),
    write: (source, offset) =>
      whole(
        source,
        offset,
        async (from, length, at) => (await handle.write(source, from, length, at)).bytesWritten,
      ),
    flush: () => handle.datasync(),
    close: () => handle.close(),
    async gone() {
      try {
        const [own, named] = await Promise.all([handle.stat(), stat(path)])
        const same = block ? own.rdev === named.rdev : own.ino === named.ino && own.dev === named.dev
        if (!same) return `${path} is another device now`
        const size = block ? ioctl.size(fd) : own.size
        if (size !== sizeBytes) return `${path} has ${size} bytes, not ${sizeBytes}`
        if (block && (await missingInSysfs(own.rdev))) return `${path} has gone from the kernel`
        return undefined
      } catch (error) {
        return `${path} has gone (${errorCode(error) ?? String(error)})`
      }
    },
  }
}

/** Volumes of several disks state strange ones: then a defect costs what can be written at least. */
function defectBytes(physicalBytes: number, sectorBytes: number): number {
  return physicalBytes % sectorBytes === 0 && physicalBytes <= 65_536 ? physicalBytes : sectorBytes
}

/** Whether the kernel has taken the device away; false where there is no sysfs to tell. */
async function missingInSysfs(rdev: number): Promise<boolean> {
  const exists = (name: string) =>
    stat(name).then(
      () => true,
      () => false,
    )
  // Linux's dev_t: 12 bits of major between two parts of minor.
  const [major, minor] = [(rdev >>> 8) & 0xfff, (rdev & 0xff) | ((rdev >>> 12) & 0xfff00)]
  return (await exists('/sys/dev/block')) && !(await exists(`/sys/dev/block/${major}:${minor}`))
}
