/**
 * Below zero when `a` is the lower version, above when `b` is, and zero when they count the same. By the UAPI Group's
 * Version Format Specification (uapi-group.org/specifications/specs/version_format_specification).
 */
export function compareVersions(a: string, b: string): number {
  let left = a
  let right = b
  for (;;) {
    left = left.replace(/^[^a-zA-Z0-9~\-^.]+/, '')
    right = right.replace(/^[^a-zA-Z0-9~\-^.]+/, '')
    const tilde = marker(left, right, '~')
    if (tilde !== undefined) {
      if (tilde !== 0) return tilde
      ;[left, right] = [left.slice(1), right.slice(1)]
      continue
    }
    if (left === '' || right === '') return Math.sign(left.length - right.length)
    const separator = ['-', '^', '.'].find((sign) => left.startsWith(sign) || right.startsWith(sign))
    if (separator !== undefined) {
      const order = marker(left, right, separator) ?? 0
      if (order !== 0) return order
      ;[left, right] = [left.slice(1), right.slice(1)]
      continue
    }
    const digits = /^\d/.test(left) || /^\d/.test(right)
    const part = digits ? /^\d*/ : /^[a-zA-Z]*/
    const [x = ''] = part.exec(left) ?? []
    const [y = ''] = part.exec(right) ?? []
    const order = digits ? compareNumbers(x, y) : x < y ? -1 : x > y ? 1 : 0
    if (order !== 0) return order
    ;[left, right] = [left.slice(x.length), right.slice(y.length)]
  }
}

/** Whoever has the sign is the lower one; 0: both have it; undefined: none has. */
function marker(left: string, right: string, sign: string): number | undefined {
  const [a, b] = [left.startsWith(sign), right.startsWith(sign)]
  return a && b ? 0 : a ? -1 : b ? 1 : undefined
}

/** Numbers may have more digits than JavaScript counts; none is lower than 0. */
function compareNumbers(x: string, y: string): number {
  if (x === '' || y === '') return Math.sign(x.length - y.length)
  const [a, b] = [BigInt(x), BigInt(y)]
  return a < b ? -1 : a > b ? 1 : 0
}
