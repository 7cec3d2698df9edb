import { type Finding, known, unknown } from './finding.ts'

// What manufacturers leave in firmware and drives where a value belongs; compared in lower case without punctuation.
const PLACEHOLDERS = new Set([
  'to be filled by oem',
  'tobefilledbyoem',
  'to be filled by o e m',
  'default string',
  'system serial number',
  'system product name',
  'system manufacturer',
  'system version',
  'system name',
  'sku',
  'base board serial number',
  'base board product name',
  'base board manufacturer',
  'baseboard serial number',
  'chassis serial number',
  'chassis manufacturer',
  'chassis version',
  'asset tag',
  'asset tag number',
  'no asset tag',
  'no asset information',
  'serial number',
  'serial',
  'not specified',
  'not available',
  'not applicable',
  'not settable',
  'not provided',
  'not defined',
  'not supported',
  'unspecified',
  'unknown',
  'undefined',
  'undefine',
  'oem',
  'o e m',
  'oem default string000',
  'empty',
  'none',
  'null',
  'na',
  'n a',
  'tbd',
  'invalid',
  'type2 board serial number',
  'type2 board product name1',
  'no dimm',
  'nodimm',
  'dimm manufacturer',
  'manufacturer00',
  'sernum0',
  'partnum0',
  'oem partnumber',
])

const PATTERNS: readonly RegExp[] = [
  /^([0.\-_*#/])\1*$/, // 0000, ....
  /^(.)\1{3,}$/, // FFFF, XXXXXX
  /^0?123456789(a|ab|abc|abcd|abcde|abcdef|0)?$/,
  /^1234567(8(90?)?)?$/,
  /^(asset|sernum|serialnum|partnum|manufacturer|modulepartnumber|array\d*_?(asset|partnumber|manufacturer)|a\d_(assettagnum|sernum|partnum|manufacturer))\d*(_\w+)?$/,
  /^dimm_?\w?\d?_?asset(tag)?$/,
  /^(p\d+[-_ ])?dimm[\w-]*_(assettag|date:.*)( \(date:.*\))?$/,
]

/** What the placeholder is, or undefined for a text that may be a value. */
export function isPlaceholder(raw: string): boolean {
  const plain = raw.trim().toLowerCase()
  const words = plain.replaceAll(/[^a-z0-9]+/g, ' ').trim()
  return PLACEHOLDERS.has(words) || PLACEHOLDERS.has(plain) || PATTERNS.some((pattern) => pattern.test(plain))
}

/** A text as a value: unknown when nothing is stated, or only a placeholder. */
export function statedText(raw: string | undefined, what: string, ...sources: string[]): Finding<string> {
  if (raw === undefined) return unknown(`no ${what} stated`, ...sources)
  const clean = printable(raw)
  if (clean === '') return unknown(`${what} is stated as empty text`, ...sources)
  if (isPlaceholder(clean)) {
    return { ...unknown(`"${clean}" is a placeholder, not a ${what}`, ...sources), raw: clean }
  }
  return known(clean, ...sources)
}

/** Without control characters, NUL padding and the replacement characters of broken UTF-8. */
export function printable(raw: string): string {
  return (
    raw
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to go
      .replaceAll(/[\u0000-\u001f\u007f-\u009f\ufffd]+/g, ' ')
      .replaceAll(/ {2,}/g, ' ')
      .trim()
  )
}

// 03000200-…: shipped on boards of many makers, in both byte orders; the last: the SMBIOS specification's own example.
const SHARED_UUIDS = new Set([
  '03000200-0400-0500-0006-000700080009',
  '00020003-0004-0005-0006-000700080009',
  '12345678-1234-5678-90ab-cddeefaabbcc',
  '78563412-3412-7856-90ab-cddeefaabbcc',
  '12345678-1234-1234-1234-123456789abc',
  '00112233-4455-6677-8899-aabbccddeeff',
  '33221100-5544-7766-8899-aabbccddeeff',
  'feeb24aa-0000-0000-0000-000000000000',
])

/** A system UUID that can tell machines apart. SMBIOS 7.2.1: all 0 means not settable, all F not set. */
export function statedUuid(raw: string | undefined, ...sources: string[]): Finding<string> {
  if (raw === undefined) return unknown('no system UUID stated', ...sources)
  const uuid = raw.trim().toLowerCase()
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) {
    return { ...unknown(`"${printable(raw)}" is not a UUID`, ...sources), raw: printable(raw) }
  }
  const digits = new Set(uuid.replaceAll('-', ''))
  if (digits.size === 1) {
    return { ...unknown(`UUID ${uuid} means that none is set`, ...sources), raw: uuid }
  }
  if (SHARED_UUIDS.has(uuid)) {
    return { ...unknown(`UUID ${uuid} is shared by machines of many makers`, ...sources), raw: uuid }
  }
  return known(uuid, ...sources)
}
