/** What stands in place of a secret. */
export const SECRET = '***'

/** Names in a URL's query that carry a password: `?token=`, `&X-Amz-Signature=`. */
const SECRET_QUERY =
  /([?&][^=&\s#]*(?:token|secret|passw|signature|credential|apikey|api_key)[^=&\s#]*=)[^&\s#'"]+/gi

/** `http://user:password@host` and `?token=…` are nobody's business, whoever reads that parameter. */
export function maskCredentials(word: string): string {
  return word.replaceAll(/(:\/\/)[^/@\s]+@/g, `$1${SECRET}@`).replaceAll(SECRET_QUERY, `$1${SECRET}`)
}
