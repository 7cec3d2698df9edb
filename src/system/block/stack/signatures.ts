import * as z from 'zod'
import { CommandError, TimeoutError, ToolMissingError } from '../../../errors.ts'
import type { Exec } from '../../exec.ts'
import { withLimit } from '../../limit.ts'
import type { Signature } from './schema.ts'

/** Milliseconds: a drive that needs longer for a few reads does not answer. */
export const PROBE_LIMIT = 30_000

/** Beyond the tool's own limit: one in uninterruptible sleep cannot be ended, and is left behind. */
const BEYOND = 7000

const wipefsSchema = z.object({
  signatures: z.array(
    z.object({
      offset: z.string(),
      type: z.string(),
      usage: z.string().nullable(),
      uuid: z.string().nullable(),
      label: z.string().nullable(),
    }),
  ),
})

const GIB = 2 ** 30

/**
 * Ceph writes the label of a BlueStore device at these places; libblkid knows the first one only.
 * Source: Ceph, src/os/bluestore/BlueStore.cc, bdev_label_positions.
 */
export const BLUESTORE_OFFSETS = [0, 1, 10, 100, 1000].map((gib) => gib * GIB)
const BLUESTORE_MAGIC = 'bluestore block device\n'
const BLOCK_BYTES = 4096

export type Probe =
  | { state: 'read'; signatures: Signature[] }
  /** The device answers, but with errors. */
  | { state: 'silent'; reason: string; signatures: Signature[] }
  | { state: 'unreadable'; reason: string }

/** What lies on a device: everything that libblkid knows, and all labels of Ceph. Never from a cache. */
export async function probeDevice(
  exec: Exec,
  device: { path: string; sizeBytes: number },
  signal: AbortSignal = new AbortController().signal,
  limit: number = PROBE_LIMIT,
): Promise<Probe> {
  const run = (file: string, args: string[]) =>
    withLimit(limit + BEYOND, signal, (inner) => exec(file, args, { timeout: limit, signal: inner }))
  const silent: string[] = []
  const ceph: Signature[] = []
  try {
    const last = Math.max(0, Math.floor(device.sizeBytes / BLOCK_BYTES) - 1) * BLOCK_BYTES
    // wipefs takes a read error for an end without signatures: so both ends are read here.
    const places = new Set([...BLUESTORE_OFFSETS.filter((offset) => offset <= last), last])
    for (const offset of places) {
      const read = await readBlock(run, device.path, offset)
      if (typeof read !== 'string') silent.push(read.error)
      else if (read.startsWith(BLUESTORE_MAGIC)) ceph.push(bluestore(read, offset))
    }
    const { stdout } = await run('wipefs', [
      ...['--no-act', '--json', '--output', 'OFFSET,TYPE,USAGE,UUID,LABEL'],
      device.path,
    ])
    const known = parseWipefs(stdout)
    const taken = new Set(known.map(({ type, offset }) => `${type}@${offset}`))
    const signatures = [...known, ...ceph.filter(({ type, offset }) => !taken.has(`${type}@${offset}`))]
    return silent.length === 0
      ? { state: 'read', signatures }
      : { state: 'silent', reason: silent.join('; '), signatures }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof ToolMissingError || error instanceof CommandError) {
      return { state: 'unreadable', reason: error.message }
    }
    if (error instanceof TimeoutError)
      return { state: 'unreadable', reason: `${device.path} does not answer: it ${error.message}` }
    if (error instanceof z.ZodError || error instanceof SyntaxError) {
      return { state: 'unreadable', reason: `wipefs gave no list of signatures for ${device.path}` }
    }
    throw error
  }
}

type Run = (file: string, args: string[]) => Promise<{ stdout: string }>

async function readBlock(run: Run, path: string, offset: number): Promise<string | { error: string }> {
  const args = [
    `if=${path}`,
    `bs=${BLOCK_BYTES}`,
    'count=1',
    `skip=${offset}`,
    'iflag=skip_bytes',
    'status=none',
  ]
  try {
    return (await run('dd', args)).stdout
  } catch (error) {
    const stderr = error instanceof CommandError ? String(error.facts.stderr ?? '') : ''
    if (!/input\/output error/i.test(stderr)) throw error
    return { error: `${path} gives a read error at byte ${offset}` }
  }
}

/** The magic text, a UUID, and a newline each. */
function bluestore(block: string, offset: number): Signature {
  const uuid = /^[0-9a-f-]{36}/.exec(block.slice(BLUESTORE_MAGIC.length))?.[0]
  return { type: 'ceph_bluestore', usage: 'other', offset, ...(uuid === undefined ? {} : { uuid }) }
}

/** @throws SyntaxError, ZodError for anything but wipefs' own JSON */
export function parseWipefs(stdout: string): Signature[] {
  // Nothing found: util-linux before 2.40 writes an empty list, later ones may write nothing.
  if (stdout.trim() === '') return []
  return wipefsSchema.parse(JSON.parse(stdout)).signatures.map(({ offset, type, usage, uuid, label }) => ({
    type,
    usage: usageOf(usage),
    offset: Number.isSafeInteger(Number(offset)) ? Number(offset) : null,
    ...(label === null || label === '' ? {} : { label }),
    ...(uuid === null || uuid === '' ? {} : { uuid }),
  }))
}

function usageOf(usage: string | null): Signature['usage'] {
  return usage === 'partition-table' || usage === 'filesystem' || usage === 'raid' || usage === 'crypto'
    ? usage
    : 'other'
}
