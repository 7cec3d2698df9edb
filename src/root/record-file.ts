import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SpeedisoError } from '../errors.ts'
import { OWN_FOLDER } from './names.ts'
import { keepInPlace } from './no-cow.ts'
import { recordSchema, type StateRecord } from './record.ts'

/** The two copies of the record, below hostpart. */
export const RECORD_FILES = [`${OWN_FOLDER}/state-1`, `${OWN_FOLDER}/state-2`] as const

/** Bytes of a copy: it is written in place, so that it needs no room on a full filesystem. */
export const RECORD_SIZE = 32 * 1024

const MAGIC = 'speediso-root-state'

/**
 * One copy: a line with sequence number, length and SHA-256 of the JSON text that follows, filled up with line feeds.
 * Where there is no room for all of them, the images that failed first are left out: a change must not fail for them.
 */
export function formatRecord(record: StateRecord): Buffer {
  const text = Buffer.from(`${JSON.stringify(record, null, 1)}\n`)
  const head = Buffer.from(`${MAGIC} ${record.seq} ${text.length} ${digest(text)}\n`)
  if (head.length + text.length > RECORD_SIZE) {
    if (record.denied.length > 0) return formatRecord({ ...record, denied: record.denied.slice(1) })
    throw new SpeedisoError(
      `the record of root images would have ${text.length} bytes, more than ${RECORD_SIZE}`,
    )
  }
  return Buffer.concat([head, text, Buffer.alloc(RECORD_SIZE - head.length - text.length, '\n')])
}

/** Undefined: torn, damaged, or of a version that this program does not know. */
export function parseRecord(bytes: Buffer): StateRecord | undefined {
  const end = bytes.indexOf(0x0a)
  const [magic, seq, length, sum] = bytes.subarray(0, Math.max(0, end)).toString('latin1').split(' ')
  if (magic !== MAGIC) return undefined
  const text = bytes.subarray(end + 1, end + 1 + Number(length))
  if (text.length !== Number(length) || digest(text) !== sum) return undefined
  try {
    const record = recordSchema.parse(JSON.parse(text.toString()))
    return record.seq === Number(seq) ? record : undefined
  } catch {
    return undefined
  }
}

/** Of two copies the one that counts. */
export function chooseRecord(copies: readonly (StateRecord | undefined)[]): StateRecord | undefined {
  return copies.reduce(
    (best, copy) => (copy !== undefined && copy.seq > (best?.seq ?? 0) ? copy : best),
    undefined,
  )
}

/** The record of a hostpart; undefined when neither copy is whole. */
export async function readRecord(hostpart: string): Promise<StateRecord | undefined> {
  return chooseRecord(await readCopies(hostpart))
}

/** Whether something was remembered of which nothing can be read any more: a copy is there, and none is whole. */
export async function isRecordLost(hostpart: string): Promise<boolean> {
  const copies = await Promise.all(
    RECORD_FILES.map((name) =>
      readFile(join(hostpart, name)).catch((error: NodeJS.ErrnoException) =>
        // A disk that does not give it back has lost it, too.
        error.code === 'ENOENT' ? undefined : Buffer.from('?'),
      ),
    ),
  )
  const written = copies.filter((copy) => copy?.some((byte) => byte !== 0x0a))
  return written.length > 0 && written.every((copy) => parseRecord(copy as Buffer) === undefined)
}

/** Writes the copy that does not count, in place, and waits until it is on the disk. */
export async function writeRecord(hostpart: string, record: StateRecord): Promise<void> {
  const copies = await readCopies(hostpart)
  const older = chooseRecord(copies) === copies[0] && copies[0] !== undefined ? 1 : 0
  const path = join(hostpart, RECORD_FILES[older])
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  const bytes = formatRecord(record)
  // Both are there from the first write on: what comes later needs no room.
  for (const name of RECORD_FILES) await makeCopy(join(hostpart, name))
  await using file = await open(path, IN_PLACE)
  // All of it, however often the kernel takes only a part.
  await file.writeFile(bytes)
  await file.sync()
  await using folder = await open(dirname(path), 'r')
  await folder.sync()
}

/** Never through a link, which would lead to somebody else's file. */
const IN_PLACE = constants.O_RDWR | constants.O_NOFOLLOW

/** A copy that does not count yet, with its whole size; nothing when it is there, and the rest when that was cut off. */
async function makeCopy(path: string): Promise<void> {
  const created = await open(path, 'wx', 0o644).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
    return undefined
  })
  await using file = created ?? (await open(path, IN_PLACE))
  if (created !== undefined) await keepInPlace(file.fd)
  const { size } = await file.stat()
  if (size >= RECORD_SIZE) return
  // Behind what is there, which may count.
  await file.read(Buffer.alloc(size), 0, size, null)
  await file.writeFile(Buffer.alloc(RECORD_SIZE - size, '\n'))
  await file.sync()
}

async function readCopies(hostpart: string): Promise<(StateRecord | undefined)[]> {
  return Promise.all(
    RECORD_FILES.map(async (name) => {
      const bytes = await readFile(join(hostpart, name)).catch(() => undefined)
      return bytes === undefined ? undefined : parseRecord(bytes)
    }),
  )
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
