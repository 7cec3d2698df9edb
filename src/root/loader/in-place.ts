import { constants } from 'node:fs'
import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ReadError, SpeedisoError } from '../../errors.ts'
import { alignedBuffers } from '../../system/disk-io/aligned.ts'

/** Makes the names in a folder outlast a power cut. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}

/** Undefined: there is no such file. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw new ReadError(`${path}: cannot be read (${error.code})`, { cause: error })
  })
}

/**
 * Writes a small file where it lies, without making it shorter first, and proves it by reading the disk. On FAT this is
 * the only change that touches neither the folder nor the allocation table, so that a power cut tears nothing but data.
 * @throws SpeedisoError when the disk then holds something else
 */
export async function writeInPlace(path: string, bytes: Uint8Array): Promise<void> {
  {
    await using file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_SYNC, 0o644)
    await writeAll(file, bytes)
    if ((await file.stat()).size > bytes.length) await file.truncate(bytes.length)
    await file.sync()
  }
  await syncFolder(dirname(path))
  await proveWritten(path, bytes)
}

/**
 * Writes a new file of this content, or replaces what is there. A power cut leaves on ext4 the old or the new one; on
 * FAT it may leave neither, as a rename is two writes there.
 * @throws SpeedisoError when the disk then holds something else
 */
export async function writeAnew(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.new`
  {
    await using file = await open(temporary, 'w', 0o644)
    await writeAll(file, bytes)
    await file.sync()
  }
  await proveWritten(temporary, bytes)
  await rename(temporary, path)
  await syncFolder(dirname(path))
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, done)).bytesWritten
  }
}

async function proveWritten(path: string, bytes: Uint8Array): Promise<void> {
  const found = await readFresh(path)
  if (Buffer.compare(found, bytes) === 0) return
  throw new SpeedisoError(`${path}: the disk does not hold what was written`, {
    hint: 'the disk or its controller loses writes; look at its health',
  })
}

/** Reads past the kernel's cache, where the filesystem can do that. */
async function readFresh(path: string): Promise<Buffer> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_DIRECT)
    const { size } = await file.stat()
    // O_DIRECT reads whole blocks; the end of the file makes the last one shorter.
    const [buffer = Buffer.alloc(0)] = alignedBuffers(1, Math.ceil((size + 1) / 4096) * 4096)
    let done = 0
    while (done < size) {
      const { bytesRead } = await file.read(buffer, done, buffer.length - done, done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return buffer.subarray(0, done)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
    return readFile(path)
  }
}
