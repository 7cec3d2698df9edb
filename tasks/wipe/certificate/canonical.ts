import { InputError } from '../../../src/errors.ts'

/**
 * The one form in which a JSON document is signed: RFC 8785 (JSON Canonicalization Scheme), in UTF-8. No white space;
 * members of an object in the order of the UTF-16 code units of their names; strings and numbers as ECMAScript's
 * JSON.stringify writes them. Members that are undefined are left out.
 * @throws InputError for what JSON cannot hold: other types, numbers that are not finite, text with half a surrogate pair
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (typeof value === 'string' && value.isWellFormed()) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      // Strings are compared by UTF-16 code units there.
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => `${canonicalJson(name)}:${canonicalJson(member)}`)
    return `{${members.join(',')}}`
  }
  throw new InputError(
    `JSON cannot hold ${typeof value === 'string' ? 'half a surrogate pair' : String(value)}`,
  )
}

/** What of a certificate is signed: everything but the member `signature`. */
export function signedBytes(certificate: object): Buffer {
  const { signature: _, ...rest } = certificate as Record<string, unknown>
  return Buffer.from(canonicalJson(rest))
}
