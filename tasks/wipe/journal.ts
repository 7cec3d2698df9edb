import { randomBytes } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDocument } from '../../src/system/write-file.ts'
import { difference } from './identify.ts'
import type { DiskId, DiskJournal } from './schema.ts'

/** The journal of one disk, open. Whoever changes `data` saves it. */
export interface DiskRecord {
  data: DiskJournal
  save(): Promise<void>
}

/**
 * What is known of this disk's erase: from an earlier step or process of this job, else a new one with a seed of its own.
 * A journal of another disk, or one that is damaged, is not taken for it.
 */
export async function openRecord(stateDir: string, disk: DiskId): Promise<DiskRecord> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const path = join(stateDir, `${disk.name.replaceAll('/', '!')}.json`)
  const data = (await readRecord(path, disk)) ?? fresh(disk)
  return { data, save: () => writeDocument(path, data, 0o600) }
}

async function readRecord(path: string, disk: DiskId): Promise<DiskJournal | undefined> {
  try {
    const data = JSON.parse(await readFile(path, 'utf8')) as DiskJournal
    if (data.schema !== SCHEMA || !/^[0-9a-f]{64}$/.test(data.seed)) return undefined
    // Another size may be this journal's own doing.
    const same = [data.disk, { ...data.disk, ...data.current }].some(
      (each) => difference(each, disk) === undefined,
    )
    return same ? data : undefined
  } catch {
    return undefined
  }
}

/** The disk that was planned for as it has to be found now. */
export function currentDisk(planned: DiskId, { data }: Pick<DiskRecord, 'data'>): DiskId {
  return { ...planned, ...data.current }
}

const SCHEMA = 'speediso.wipe-journal/1'

function fresh(disk: DiskId): DiskJournal {
  return {
    schema: SCHEMA,
    disk,
    seed: randomBytes(32).toString('hex'),
    canaries: [],
    smartBefore: null,
    smartAfter: null,
    verification: null,
    current: null,
    passwordSet: false,
    passed: {},
    erase: null,
  }
}
