import { nearest } from '../../../src/job/nearest.ts'
import { TRANSPORTS, type Transport } from '../../../src/system/block/schema.ts'
import { parseSizeRange } from './size-range.ts'

/** One word of `disks=` or `exclude=`. `id` is a bare word: a serial or a WWN. */
export type Selector = { text: string } & (
  | { kind: 'all' }
  | { kind: 'id' | 'serial' | 'wwn' | 'path'; value: string }
  | { kind: 'model' | 'by-path'; glob: string }
  | { kind: 'transport'; value: Transport }
  | { kind: 'size'; least: number; most: number | null }
)

export type SelectorKind = Selector['kind']

/** What can be written before a colon. */
const KINDS = ['serial', 'wwn', 'model', 'path', 'by-path', 'size', 'transport'] as const

const RIGHT = 'write serial:, wwn:, path:/dev/, by-path:, model:, size:, transport:, or all'

/** Names that the kernel gives to whole disks and partitions. */
const KERNEL_NAME =
  /^(sd[a-z]+\d*|x?vd[a-z]+\d*|nvme\d+(n\d+(p\d+)?)?|mmcblk\d+(p\d+)?|loop\d+|pmem\d+|dm-\d+|md\d+)$/

/** NAA, EUI-64, NGUID or UUID, as lsblk and udev write them. */
const WWN = /^(0x|naa\.|eui\.|nguid\.|uuid\.|t10\.|nvme\.)?[0-9a-f-]+$/i

/**
 * The words of a comma list; a disk is meant when one of them means it.
 * @throws RangeError that says what would be right
 */
export function parseSelectors(list: string): Selector[] {
  const words = list.split(',').map((word) => word.trim())
  if (words.includes('')) throw new RangeError(`it holds an empty word; ${RIGHT}`)
  return words.map(parseSelector)
}

function parseSelector(text: string): Selector {
  if (text.toLowerCase() === 'all') return { kind: 'all', text }
  const [, written = '', value = ''] = /^([a-z_-]+):(.*)$/i.exec(text) ?? []
  if (written === '') return parseBare(text)
  const kind = KINDS.find((known) => known === written.toLowerCase().replaceAll('_', '-'))
  if (kind === undefined) {
    const meant = nearest(written, KINDS)
    throw new RangeError(
      `"${written}:" is no way to choose a disk; ${meant === undefined ? RIGHT : `did you mean ${meant}:?`}`,
    )
  }
  if (value === '') throw new RangeError(`"${text}" says nothing after the colon`)
  switch (kind) {
    case 'serial':
      return { kind, text, value }
    case 'wwn':
      return { kind, text, value: checkWwn(value) }
    case 'model':
      return { kind, text, glob: value }
    case 'path':
      return parsePath(text, value)
    case 'by-path':
      return { kind, text, glob: value.replace(/^\/dev\/disk\/by-path\//, '') }
    case 'size':
      return { kind, text, ...parseSizeRange(value) }
    case 'transport':
      return { kind, text, value: parseTransport(value) }
  }
}

function parseBare(text: string): Selector {
  if (text.startsWith('/')) return parsePath(text, text)
  if (KERNEL_NAME.test(text)) {
    throw new RangeError(
      `"${text}" is a name that may move from boot to boot; write path:/dev/${text} or its serial`,
    )
  }
  if (/^(0x|naa\.|eui\.|nguid\.|uuid\.)/i.test(text)) return { kind: 'wwn', text, value: checkWwn(text) }
  // Serials have a digit; a word without one is a kind or "all", misspelled.
  if (/^[\w.+/-]{4,}$/.test(text) && /\d/.test(text)) return { kind: 'id', text, value: text }
  const meant = nearest(text, ['all', ...KINDS])
  const hint = meant === undefined ? RIGHT : `did you mean ${meant === 'all' ? meant : `${meant}:`}?`
  throw new RangeError(`"${text}" is no serial, WWN or path; ${hint}`)
}

/** Links under /dev/disk are understood by their names; nothing is looked up. */
function parsePath(text: string, path: string): Selector {
  const [, folder = '', name = ''] = /^\/dev\/disk\/([^/]+)\/(.+)$/.exec(path) ?? []
  if (folder === 'by-path') return { kind: 'by-path', text, glob: name }
  const wwn = folder === 'by-id' ? /^wwn-(.+)$/.exec(name)?.[1] : undefined
  if (wwn !== undefined) return { kind: 'wwn', text, value: checkWwn(wwn) }
  if (folder !== '')
    throw new RangeError(`"${path}" is a link; write serial:, wwn:, by-path: or path:/dev/NAME`)
  if (!/^\/dev\/[^\s*?]+$/.test(path))
    throw new RangeError(`"${path}" is no device path; write one such as path:/dev/sdb`)
  return { kind: 'path', text, value: path }
}

function checkWwn(value: string): string {
  if (!WWN.test(value) || bareWwn(value).length < 8) {
    throw new RangeError(
      `"${value}" is no WWN; write one such as wwn:0x5000c500a1b2c3d4 or wwn:eui.0025385b71b0a1c2`,
    )
  }
  return value
}

function parseTransport(value: string): Transport {
  const transport = TRANSPORTS.find((known) => known === value.toLowerCase())
  if (transport !== undefined) return transport
  const meant = nearest(value, TRANSPORTS)
  throw new RangeError(
    `"${value}" is no transport; ${meant === undefined ? `there are ${TRANSPORTS.join(', ')}` : `did you mean ${meant}?`}`,
  )
}

/** The digits alone: sysfs, udev and people write one WWN with different prefixes. */
export function bareWwn(wwn: string): string {
  return wwn
    .toLowerCase()
    .replace(/^(0x|naa\.|eui\.|nguid\.|uuid\.|t10\.|nvme\.)/, '')
    .replaceAll('-', '')
}
