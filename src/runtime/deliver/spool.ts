import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { explainInLine, SpeedisoError } from '../../errors.ts'
import { maskCredentials } from '../../mask.ts'
import { readMounts } from '../../system/filesystem/mounts.ts'
import { knownValue } from '../../system/finding.ts'
import type { MachineRoot } from '../../system/machine-root.ts'
import { writeDocument } from '../../system/write-file.ts'
import { MESSAGE_KINDS, type Message } from './message.ts'

/** A folder where messages wait for their server. */
export interface SpoolPlace {
  dir: string
  /** It is still there after a reboot. */
  survives: boolean
}

const HOSTPART = '/hostpart'

/** On hostpart when that is mounted and can be written, else in memory. */
export async function chooseSpool(root: MachineRoot, runDir: string): Promise<SpoolPlace> {
  const mounts = knownValue(await readMounts(root)) ?? []
  // The last one mounted there covers those before it.
  const hostpart = mounts.findLast(({ mountPoint }) => mountPoint === HOSTPART)
  if (hostpart === undefined || hostpart.readOnly || hostpart.type === 'tmpfs') return spoolInMemory(runDir)
  return { dir: root.path(`${HOSTPART}/data/speediso/spool`), survives: true }
}

export function spoolInMemory(runDir: string): SpoolPlace {
  return { dir: join(runDir, 'spool'), survives: false }
}

export const spooledSchema = z.object({
  schema: z.literal('speediso.spooled/1'),
  kind: z.enum(MESSAGE_KINDS),
  id: z.string(),
  host: z.string(),
  boot_id: z.string().nullable(),
  time: z.iso.datetime().describe('when it was put there'),
  url: z.string().describe('credentials masked'),
  type: z.literal('application/json'),
  body: z.string(),
})

/** A message of the spool. Secrets are never in it: those of the job that sends it are used. */
export interface Spooled {
  message: Message
  url: string
}

export interface Spool extends SpoolPlace {
  /** On the disk, whole, when it returns. @throws SpeedisoError when it cannot be written, such as on a full disk */
  put(message: Message, url: string, time: number): Promise<void>
  remove(id: string): Promise<void>
  /** What other boots have left, oldest first. One that cannot be read is set aside, and `damaged` is told. */
  earlier(bootId: string | null, damaged: (text: string) => void): Promise<Spooled[]>
}

/** A host whose server never comes back must not fill its disk; the oldest ones go. */
const MOST = 100

export function openSpool(place: SpoolPlace): Spool {
  const { dir } = place
  const at = (id: string) => join(dir, `${id.replaceAll(/[^\w.-]/g, '_')}.json`)
  return {
    ...place,
    async put(message, url, time) {
      const path = at(message.id)
      const entry: z.infer<typeof spooledSchema> = {
        schema: 'speediso.spooled/1',
        kind: message.kind,
        id: message.id,
        host: message.host,
        boot_id: message.bootId,
        time: new Date(time).toISOString(),
        url: maskCredentials(url),
        type: 'application/json',
        body: String(message.body),
      }
      try {
        await makeDir(dir)
        await writeDocument(path, entry, 0o600)
      } catch (cause) {
        await rm(`${path}.new`, { force: true }).catch(() => {})
        throw new SpeedisoError(`the spool ${dir} cannot be written`, { cause })
      }
    },
    async remove(id) {
      await rm(at(id), { force: true })
    },
    async earlier(bootId, damaged) {
      const entries: (Spooled & { time: string })[] = []
      for (const name of await names(dir)) {
        const path = join(dir, name)
        try {
          const entry = spooledSchema.parse(JSON.parse(await readFile(path, 'utf8')))
          const { kind, id, host, boot_id, type, body, url, time } = entry
          if (boot_id !== null && boot_id === bootId) continue
          entries.push({ message: { kind, id, host, bootId: boot_id, type, body }, url, time })
        } catch (error) {
          damaged(`${path}: ${explainInLine(error)}`)
          await rename(path, `${path}.damaged`).catch(() => {})
        }
      }
      entries.sort((a, b) => a.time.localeCompare(b.time))
      for (const { message } of entries.splice(0, Math.max(0, entries.length - MOST))) {
        await rm(at(message.id), { force: true })
      }
      return entries
    },
  }
}

async function names(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).filter((name) => name.endsWith('.json'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Makes a folder and each one above it that is missing, so that they are there after a power cut too. */
async function makeDir(dir: string): Promise<void> {
  const first = await mkdir(dir, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = dir; made.length >= first.length; made = dirname(made)) {
    await using above = await open(dirname(made), 'r')
    await above.sync()
  }
}
