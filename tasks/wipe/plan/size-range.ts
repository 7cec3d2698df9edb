const DECIMAL: Readonly<Record<string, number>> = { k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 }
const BINARY: Readonly<Record<string, number>> = {
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
}

/**
 * A disk sold as 1 TB holds 1,000,204,886,016 bytes: makers add up to 0.05 % to the round figure (IDEMA LBA1-03), and a
 * bound given as on the label means all disks that bear it.
 */
const LABEL_EXCESS = 0.001

const RIGHT = 'write one such as size:>1T, size:<=960G, size:480G..2T or size:>512Gi'

/**
 * Bytes that a size may have, both bounds included; `most` null: no upper bound.
 * @throws RangeError that says what would be right
 */
export function parseSizeRange(text: string): { least: number; most: number | null } {
  const compared = /^(>=|<=|>|<)(.+)$/.exec(text)
  if (compared !== null) {
    const [, sign, size = ''] = compared
    const { bytes, labelled } = parseSize(size, text)
    if (sign === '>') return { least: labelled + 1, most: null }
    if (sign === '>=') return { least: bytes, most: null }
    return { least: 0, most: sign === '<' ? bytes - 1 : labelled }
  }
  const [from, to, ...more] = text.split('..')
  if (from === undefined || to === undefined || more.length > 0)
    throw new RangeError(`"${text}" is no range of sizes; ${RIGHT}`)
  const least = parseSize(from, text).bytes
  const most = parseSize(to, text).labelled
  if (least > most) throw new RangeError(`"${text}" has its larger size first; write size:${to}..${from}`)
  return { least, most }
}

/** `labelled`: the most that a disk of this size on its label holds. */
function parseSize(size: string, whole: string): { bytes: number; labelled: number } {
  const [, digits = '', unit = '', binary] = /^(\d+(?:\.\d+)?)([kmgtp]?)(i?)b?$/i.exec(size) ?? []
  if (digits === '' || (binary !== '' && unit === ''))
    throw new RangeError(`"${whole}" holds no size; ${RIGHT}`)
  const factor = unit === '' ? 1 : ((binary === '' ? DECIMAL : BINARY)[unit.toLowerCase()] ?? 1)
  const bytes = Math.round(Number(digits) * factor)
  const exact = binary !== '' || unit === ''
  return { bytes, labelled: exact ? bytes : Math.floor(bytes * (1 + LABEL_EXCESS)) }
}
