/** Control characters, and those that turn the direction of what follows (Unicode, UAX #9). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ODD = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Text that cannot move the cursor, clear the screen or turn around what whoever reads it sees: it is spelled out. */
export function printable(text: string): string {
  return text.replaceAll(ODD, (char) => {
    const code = char.charCodeAt(0).toString(16)
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`
  })
}
