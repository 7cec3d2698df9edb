import type { Disk } from '../../../src/system/block/schema.ts'
import type { Finding } from '../../../src/system/finding.ts'
import type { WipeDisk } from '../schema.ts'
import { bareWwn, type Selector } from './selector.ts'

/** `maybe`: what it goes by could not be read of this disk. */
export type Match = 'yes' | 'no' | 'maybe'

/** Whether a selector chooses this disk. A virtual disk is only ever chosen by its path. */
export function matches(selector: Selector, disk: WipeDisk): Match {
  return disk.virtual && selector.kind !== 'path' ? 'no' : fitsDisk(selector, disk)
}

/** Whether a selector describes this disk, of whatever kind it is. */
export function fitsDisk(selector: Selector, { id, disk }: WipeDisk): Match {
  if (selector.kind === 'path') return yes(id.path === selector.value)
  switch (selector.kind) {
    case 'all':
      return 'yes'
    case 'id': {
      const both = [
        compare(disk.serial, (serial) => sameSerial(serial, selector.value)),
        compare(disk.wwn, (wwn) => bareWwn(wwn) === bareWwn(selector.value)),
      ]
      return both.includes('yes') ? 'yes' : both.includes('maybe') ? 'maybe' : 'no'
    }
    case 'serial':
      return compare(disk.serial, (serial) => sameSerial(serial, selector.value))
    case 'wwn':
      return compare(disk.wwn, (wwn) => bareWwn(wwn) === bareWwn(selector.value))
    case 'model':
      return compare(disk.model, (model) => fits(model, selector.glob))
    case 'by-path':
      return compare(disk.byPath, (path) => fits(path, selector.glob))
    case 'transport':
      return compare(disk.transport, (transport) => transport === selector.value)
    case 'size':
      return compare(
        disk.sizeBytes,
        (size) => size >= selector.least && (selector.most === null || size <= selector.most),
      )
  }
}

/** Selectors that mean one certain disk, as opposed to a kind of disk. */
export function isNaming(selector: Selector): boolean {
  if (selector.kind === 'by-path') return !/[*?]/.test(selector.glob)
  return ['id', 'serial', 'wwn', 'path'].includes(selector.kind)
}

function compare<Key extends Disk[keyof Disk] & Finding<unknown>>(
  finding: Key,
  meant: (value: Extract<Key, { status: 'known' }>['value']) => boolean,
): Match {
  if (finding.status === 'known') return yes(meant(finding.value as never))
  return finding.status === 'unknown' ? 'maybe' : 'no'
}

function yes(is: boolean): Match {
  return is ? 'yes' : 'no'
}

/** Drives pad serials with spaces, and udev writes underscores for them. */
function sameSerial(a: string, b: string): boolean {
  const plain = (serial: string) => serial.replaceAll(/[\s_]+/g, '').toLowerCase()
  return plain(a) === plain(b)
}

/** `*` is anything, `?` one character; case does not matter. */
function fits(text: string, glob: string): boolean {
  const pattern = glob
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${pattern}$`, 'is').test(text.trim())
}
