/** What stands in place of a secret. */
export const SECRET = '***'

/** URLs in a text for people end where a word does; a word of the command line may hold spaces itself. */
const IN_TEXT = /:\/\/[^\s"']*/g
const IN_WORD = /:\/\/[^"']*/g

const USER = /^:\/\/[^/?#]*@/
const QUERY_VALUE = /([?&][^=&#]*=)[^&#]+/g

/** User, password and every value of the query of a URL are nobody's business, whoever reads it. */
export function maskCredentials(text: string): string {
  return text.replaceAll(IN_TEXT, maskUrl)
}

/** The same of one word of a command line or job file. */
export function maskWord(word: string): string {
  return word.replaceAll(IN_WORD, maskUrl)
}

function maskUrl(url: string): string {
  return url.replace(USER, `://${SECRET}@`).replaceAll(QUERY_VALUE, `$1${SECRET}`)
}

/** What maskWord hides, as it is written and decoded. */
export function credentialsIn(word: string): string[] {
  const parts: string[] = []
  for (const [url] of word.matchAll(IN_WORD)) {
    const user = USER.exec(url)?.[0].slice('://'.length, -1)
    if (user !== undefined) parts.push(user, ...user.split(/:(.*)/s))
    for (const [whole, name = ''] of url.matchAll(QUERY_VALUE)) parts.push(whole.slice(name.length))
  }
  return parts.flatMap((part) => [part, decoded(part)]).filter((part) => part !== '')
}

/** Percent-encoding taken off; a text that is not encoded rightly stays as it is. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
