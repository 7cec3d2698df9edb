/** What a serial console shows without wrapping. */
export const WIDTH = 100

/** What a serial console can show without scrambling. */
export function ascii(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?')
}

/** Words in lines of at most WIDTH; the first begins with `head`, the others with as many spaces. */
export function wrap(text: string, head: string): string[] {
  const room = WIDTH - head.length
  const words = ascii(text)
    .split(' ')
    .flatMap((word) => word.match(new RegExp(`.{1,${room}}`, 'g')) ?? [''])
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= room)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.map((line, index) => `${index === 0 ? ascii(head) : ' '.repeat(head.length)}${line}`.trimEnd())
}
