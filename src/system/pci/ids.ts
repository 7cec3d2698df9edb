import { gunzipSync } from 'node:zlib'
import { type Finding, known, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'

/** Where distributions keep the PCI ID repository's list. */
export const PCI_IDS = [
  '/usr/share/misc/pci.ids',
  '/usr/share/hwdata/pci.ids',
  '/usr/share/misc/pci.ids.gz',
] as const

export interface Names {
  vendor: string | null
  device: string | null
  class: string | null
}

/** Names of a class code, a vendor and a device; hexadecimal digits without `0x`. */
export type PciNames = (classCode: string, vendor: string, device: string) => Finding<Names>

export async function createPciNames(root: MachineRoot): Promise<PciNames> {
  for (const path of PCI_IDS) {
    const bytes = await root.readBytes(path).catch(() => undefined)
    if (bytes === undefined) continue
    try {
      const list = parsePciIds((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'))
      return (classCode, vendor, device) =>
        known(
          {
            vendor: list.names.get(vendor) ?? null,
            device: list.names.get(`${vendor} ${device}`) ?? null,
            class:
              list.names.get(`C ${classCode.slice(0, 2)} ${classCode.slice(2, 4)}`) ??
              list.names.get(`C ${classCode.slice(0, 2)}`) ??
              null,
          },
          path,
        )
    } catch (error) {
      return () => unknown(`${path}: ${error instanceof Error ? error.message : error}`, path)
    }
  }
  return () => unknown('no pci.ids on this system', ...PCI_IDS)
}

/** Keys: `8086`, `8086 10d3`, `C 01`, `C 01 08`. Format: the head of pci.ids itself. */
export function parsePciIds(text: string): { names: ReadonlyMap<string, string> } {
  const names = new Map<string, string>()
  let above = ''
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#') || line.startsWith('\t\t')) continue
    const inner = line.startsWith('\t')
    const found = (inner ? /^\t([0-9a-f]{2,4}) {2}(.+)$/ : /^(C [0-9a-f]{2}|[0-9a-f]{4}) {2}(.+)$/).exec(line)
    const [, key = '', name = ''] = found ?? []
    if (found === null) {
      if (!inner) above = ''
      continue
    }
    if (!inner) above = key
    if (above !== '') names.set(inner ? `${above} ${key}` : key, name.trim())
  }
  return { names }
}
