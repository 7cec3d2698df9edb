/** A string of JSON, and whether it is the name of a member. */
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/g

/**
 * Whether some object of a JSON text has a member twice, of which JSON.parse keeps the last without a word (RFC 8259,
 * section 4: what receivers do is unpredictable).
 * @param text that JSON.parse takes
 */
export function hasRepeatedKeys(text: string): boolean {
  let written = 0
  for (const [, colon] of text.matchAll(STRING)) if (colon !== undefined) written += 1
  let kept = 0
  JSON.parse(text, function (this: unknown, _name: string, value: unknown) {
    if (!Array.isArray(this)) kept += 1
    return value
  })
  // The reviver is called once more, for the document itself.
  return written !== kept - 1
}
