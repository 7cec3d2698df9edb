/** What stands in place of a secret. */
export const SECRET = '***'

/** `http://user:password@host` is nobody's business, whoever reads that parameter. */
export function maskCredentials(word: string): string {
  return word.replaceAll(/(:\/\/)[^/@\s]+@/g, `$1${SECRET}@`)
}
