import { mkdir, mkdtempDisposable, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { maskCredentials } from '../../mask.ts'
import type { Exec } from '../../system/exec.ts'
import { runTool } from '../../system/run-tool.ts'
import type { RunPaths } from '../paths.ts'
import type { Report } from '../report.ts'
import { createRedactor } from './redact.ts'
import { plain } from './voice.ts'

export interface BundleDependencies {
  exec: Exec
  paths: Pick<RunPaths, 'dir' | 'events'>
  signal: AbortSignal
  /** In no file of it do these stand. */
  secrets: Iterable<string>
}

/** Its copy on the host. */
export const BUNDLE_FILE = 'bundle.tar.gz'

/** The folder in it. */
const TOP = 'speediso-bundle'

const MIB = 1024 * 1024
/** Bytes of one file; what is older is left out. */
const LIMIT = { events: 16 * MIB, report: 16 * MIB, journal: 8 * MIB, small: MIB } as const
const TOOL_LIMIT = 20_000

/** A file of the bundle: its name and how it comes about. */
type Part = [name: string, limit: number, read: () => Promise<string>]

/**
 * What a person needs who looks for the cause: events, report, journal, kernel log, command line, addresses, routes and
 * block devices, as a tar.gz of a few MiB. What cannot be had is a line in notes.txt.
 * @throws SpeedisoError when there is no tar, or no room
 */
export async function makeBundle(report: Report, deps: BundleDependencies): Promise<Uint8Array<ArrayBuffer>> {
  const { exec, paths, signal } = deps
  const redactor = createRedactor(deps.secrets)
  const clean = (name: string, text: string) => {
    if (name.endsWith('.ndjson'))
      return text
        .split('\n')
        .map((line) => redactor.json(line))
        .join('\n')
    return name.endsWith('.json') ? redactor.json(text, 2) : redactor.text(text)
  }
  const tool =
    (file: string, ...args: string[]) =>
    async () => {
      const output = await runTool(exec, file, args, { signal, timeout: TOOL_LIMIT })
      if (output.status !== 'known') throw new Error(output.reason)
      return output.value
    }
  // A log of programs may hold URLs with passwords that no parameter of ours gave.
  const log = (read: () => Promise<string>) => async () => maskCredentials(await read())
  const parts: Part[] = [
    ['events.ndjson', LIMIT.events, () => readEnd(paths.events, LIMIT.events)],
    ['report.json', LIMIT.report, async () => `${JSON.stringify(report, null, 2)}\n`],
    [
      'journal.txt',
      LIMIT.journal,
      log(tool('journalctl', '-b', '-o', 'short-iso-precise', '--no-pager', '--lines=50000')),
    ],
    ['dmesg.txt', LIMIT.small, log(tool('dmesg'))],
    ['cmdline.txt', LIMIT.small, async () => `${report.command_line}\n`],
    ['ip-address.json', LIMIT.small, tool('ip', '-j', 'address')],
    ['ip-route.json', LIMIT.small, tool('ip', '-j', 'route')],
    ['lsblk.json', LIMIT.small, tool('lsblk', '--json', '--bytes', '--output-all')],
  ]
  await using folder = await mkdtempDisposable(join(paths.dir, 'bundle-'))
  const files = join(folder.path, TOP)
  await mkdir(files)
  const notes: string[] = []
  const put = async ([name, limit, read]: Part) => {
    try {
      const text = clean(name, await read())
      const kept = lastLines(text, limit)
      if (kept.length < text.length) notes.push(`${name}: only its end`)
      await writeFile(join(files, name), kept)
    } catch (error) {
      notes.push(`${name}: ${redactor.text(plain(error))}`)
    }
  }
  await Promise.all(parts.map(put))
  notes.sort()
  await writeFile(join(files, 'notes.txt'), notes.map((note) => `${note}\n`).join(''))
  const tar = join(folder.path, 'bundle.tar')
  await exec('tar', ['-c', '-f', tar, '-C', folder.path, TOP], { signal, timeout: TOOL_LIMIT })
  // Here, because a mini image need not have the program gzip.
  return new Uint8Array(await promisify(gzip)(await readFile(tar)))
}

/** The last `limit` bytes of a file. */
async function readEnd(path: string, limit: number): Promise<string> {
  await using file = await open(path, 'r')
  const { size } = await file.stat()
  const start = Math.max(0, size - limit)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start)
  const text = buffer.toString('utf8', 0, bytesRead)
  return start === 0 ? text : text.slice(text.indexOf('\n') + 1)
}

/** The text, or as many of its last lines as fit. */
function lastLines(text: string, limit: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= limit) return text
  const end = bytes.subarray(bytes.length - limit)
  return end.toString('utf8', end.indexOf(0x0a) + 1)
}
