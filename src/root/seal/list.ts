import type { Stats } from 'node:fs'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { posix } from 'node:path'
import type { SealEntry } from './entry.ts'
import { expandBraces, matcher } from './pattern.ts'
import { resolveFolder } from './resolve.ts'

/** A file, or anything else that is no folder. */
export interface ListedFile {
  path: string
  bytes: number
}

/** Something that is there, where an entry looks. */
export interface Place {
  /** Below the root, without a leading slash and without a link on its way. */
  path: string
  kind: 'file' | 'folder' | 'link' | 'other'
  /** Itself, or of a folder all that is below. */
  files: readonly ListedFile[]
  /** Folders below it. */
  folders: number
  /** Of a file, where the entry looks into it. */
  text?: string
}

/** What is there of each entry, by its name. */
export interface Listing {
  places: ReadonlyMap<string, readonly Place[]>
  /** Where it could not look: nothing is proved of these. */
  unseen: readonly { path: string; why: string }[]
}

/** No configuration file is larger, in bytes. */
const TEXT_LIMIT = 4 * 2 ** 20

/** Looks for all of the table below a root, on its own filesystem; changes nothing. @throws the signal's reason */
export async function listPlaces(
  root: string,
  table: readonly SealEntry[],
  signal: AbortSignal,
): Promise<Listing> {
  const look = new Look(root, (await lstat(root)).dev, signal)
  const homes = await readHomes(root)
  const places = new Map<string, Place[]>()
  for (const entry of table) {
    const found = new Map<string, Place>()
    const patterns = entry.paths
      .flatMap((pattern) =>
        pattern.startsWith('~/') ? homes.map((home) => `${home}${pattern.slice(1)}`) : [pattern],
      )
      .flatMap(expandBraces)
    for (const pattern of patterns)
      for (const path of await look.expand(pattern))
        for (const place of await look.places(path, entry)) found.set(place.path, place)
    places.set(entry.name, [...found.values()])
  }
  return { places, unseen: look.unseen }
}

class Look {
  readonly unseen: { path: string; why: string }[] = []
  private readonly root: string
  private readonly device: number
  private readonly signal: AbortSignal

  constructor(root: string, device: number, signal: AbortSignal) {
    this.root = root
    this.device = device
    this.signal = signal
  }

  /** What a pattern stands for: the last name itself, whatever it is, in a folder that is really there. */
  async expand(pattern: string): Promise<string[]> {
    this.signal.throwIfAborted()
    const parts = pattern.split('/')
    let at = ['']
    for (const [index, part] of parts.entries()) {
      const next = new Set<string>()
      for (const folder of at) {
        const real = await resolveFolder(this.root, folder)
        if (real === undefined) continue
        const match = matcher(part)
        const names =
          match === undefined
            ? [part]
            : ((await this.attempt(real, () => readdir(this.at(real)))) ?? []).filter((name) =>
                match.test(name),
              )
        for (const name of names) next.add(posix.join(real, name))
      }
      at = [...next].sort()
      if (index === parts.length - 1) break
    }
    const there: string[] = []
    for (const path of at) if ((await this.stat(path)) !== undefined) there.push(path)
    return there
  }

  async places(path: string, entry: SealEntry): Promise<Place[]> {
    const stats = await this.stat(path)
    if (stats === undefined) return []
    if (stats.dev !== this.device) {
      this.unseen.push({ path, why: 'is on another filesystem' })
      return []
    }
    if (stats.isSymbolicLink()) return this.link(path, entry)
    const wantsText = 'matching' in entry.action || 'text' in entry.action || entry.holding !== undefined
    if (stats.isDirectory()) {
      if (wantsText) return []
      const files: ListedFile[] = []
      const folders = await this.below(path, files)
      return [{ path, kind: 'folder', files, folders }]
    }
    const place = {
      path,
      kind: stats.isFile() ? 'file' : 'other',
      files: [{ path, bytes: stats.size }],
      folders: 0,
    } as const
    if (!wantsText) return [place]
    if (place.kind === 'other') return []
    if (stats.size > TEXT_LIMIT) {
      this.unseen.push({ path, why: `has ${stats.size} bytes, which is no configuration` })
      return []
    }
    // One character a byte, so that what is kept of it is not changed.
    const text = await this.attempt(path, () => readFile(this.at(path), 'latin1'))
    if (text === undefined || (entry.holding !== undefined && !entry.holding.test(text))) return []
    return [{ ...place, text }]
  }

  /** A link is removed as one; what it leads to counts where that has to be changed, or must not be read by others. */
  private async link(path: string, entry: SealEntry): Promise<Place[]> {
    const removes = entry.action.do === 'remove'
    const own: Place[] =
      removes && entry.holding === undefined
        ? [{ path, kind: 'link', files: [{ path, bytes: 0 }], folders: 0 }]
        : []
    if (removes && entry.secret === undefined) return own
    const target = await this.target(path)
    if (target === undefined) return own
    const stats = await this.stat(target)
    if (stats === undefined || (removes && !stats.isFile())) return own
    return [...own, ...(await this.places(target, entry))]
  }

  private async target(path: string): Promise<string | undefined> {
    let at = path
    for (let links = 0; links < 40; links += 1) {
      const stats = await this.stat(at)
      if (stats === undefined) return undefined
      if (!stats.isSymbolicLink()) return at
      const to = await readlink(this.at(at))
      const whole = to.startsWith('/') ? to : posix.join('/', posix.dirname(at), to)
      const folder = await resolveFolder(this.root, posix.dirname(posix.normalize(whole)))
      const name = posix.basename(posix.normalize(whole))
      if (folder === undefined || name === '') return undefined
      at = posix.join(folder, name)
    }
    return undefined
  }

  /** Adds what is below a folder, and counts the folders. */
  private async below(folder: string, files: ListedFile[]): Promise<number> {
    this.signal.throwIfAborted()
    let folders = 0
    for (const name of ((await this.attempt(folder, () => readdir(this.at(folder)))) ?? []).sort()) {
      const path = posix.join(folder, name)
      const stats = await this.stat(path)
      if (stats === undefined) continue
      if (stats.dev !== this.device) this.unseen.push({ path, why: 'is on another filesystem' })
      else if (stats.isDirectory()) folders += 1 + (await this.below(path, files))
      else files.push({ path, bytes: stats.isFile() ? stats.size : 0 })
    }
    return folders
  }

  private stat(path: string): Promise<Stats | undefined> {
    return this.attempt(path, () => lstat(this.at(path)))
  }

  private at(path: string): string {
    return `${this.root}/${path}`
  }

  /** Undefined: it is not there, or cannot be seen, which is noted. */
  private async attempt<T>(path: string, act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act()
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error)
      if (code !== 'ENOENT' && code !== 'ENOTDIR') this.unseen.push({ path, why: `cannot be read (${code})` })
      return undefined
    }
  }
}

/** Home folders of the image's users; of daemons, too, which are no harm. */
async function readHomes(root: string): Promise<string[]> {
  const homes = new Set(['root', 'home/*'])
  const folder = await resolveFolder(root, 'etc')
  const text = folder === undefined ? '' : await readFile(`${root}/${folder}/passwd`, 'utf8').catch(() => '')
  for (const line of text.split('\n')) {
    const home = posix.normalize(`/${line.split(':')[5] ?? ''}`).replace(/^\/+|\/+$/g, '')
    // A home with a star in its name would be read as a pattern.
    if (home !== '' && !/[*?{}]/.test(home)) homes.add(home)
  }
  return [...homes]
}
