// SCSI vital product data pages as sysfs has them, header included. Never reads past the end; undefined: not in there.

/** SPC-6 7.7.18, page 80h: unit serial number. */
export function serialFromPage80(page: Buffer): string | undefined {
  return payload(page, 0x80)?.toString('latin1').trim()
}

/** SPC-6 7.7.6, page 83h: the designator of the logical unit that udev and lsblk take as WWN, as they write it. */
export function wwnFromPage83(page: Buffer): string | undefined {
  const list = payload(page, 0x83)
  if (list === undefined) return undefined
  const found: { naa?: string; eui?: string } = {}
  for (let at = 0; at + 4 <= list.length; at += 4 + list.readUInt8(at + 3)) {
    const length = list.readUInt8(at + 3)
    if (at + 4 + length > list.length) break
    const association = (list.readUInt8(at + 1) >> 4) & 3
    if (association !== 0) continue // 1 is the port, 2 the target device
    const type = list.readUInt8(at + 1) & 15
    const hex = list.toString('hex', at + 4, at + 4 + length)
    if (type === 3 && (length === 8 || length === 16)) found.naa ??= `0x${hex}`
    if (type === 2 && length >= 8) found.eui ??= `eui.${hex}`
  }
  return found.naa ?? found.eui
}

export interface AtaIdentity {
  serial: string
  firmware: string
  model: string
}

/** SAT-5 12.4.2, page 89h: ATA information, with the drive's own IDENTIFY DEVICE data from byte 60 on (ACS-5 7.13). */
export function identityFromPage89(page: Buffer): AtaIdentity | undefined {
  const start = 60
  if (payload(page, 0x89) === undefined || page.length < start + 512) return undefined
  // Words 10-19, 23-26 and 27-46: two characters a word, the first in the high byte.
  const words = (from: number, to: number) =>
    Buffer.from(page.subarray(start + from * 2, start + (to + 1) * 2))
      .swap16()
      .toString('latin1')
      .trim()
  return { serial: words(10, 19), firmware: words(23, 26), model: words(27, 46) }
}

function payload(page: Buffer, code: number): Buffer | undefined {
  if (page.length < 4 || page.readUInt8(1) !== code) return undefined
  const length = page.readUInt16BE(2)
  return page.length < 4 + length ? undefined : page.subarray(4, 4 + length)
}
