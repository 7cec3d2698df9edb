/** One word of the kernel command line. */
export interface Parameter {
  /** As written, before `=`. */
  name: string
  /** Undefined when there is no `=`. */
  value: string | undefined
  /** The word as it stands on the command line, quotes and all. */
  raw: string
  /** The name as it stands in a job file, where that is another. */
  shown?: string
}

/**
 * Splits a kernel command line into its parameters, repeats kept in order.
 *
 * Quoting is systemd's, relaxed (proc-cmdline.c: EXTRACT_UNQUOTE | EXTRACT_RELAX | EXTRACT_RETAIN_ESCAPE): single and
 * double quotes group anywhere in a word, a quote that is never closed reaches to the end, a backslash is an ordinary
 * character. A word `--` ends the kernel's parameters (kernel/params.c): what follows is for init. Never throws.
 */
export function parseCommandLine(text: string): Parameter[] {
  const parameters: Parameter[] = []
  let at = 0
  for (;;) {
    while (at < text.length && isSpace(text.charAt(at))) at += 1
    if (at >= text.length) return parameters
    const start = at
    let word = ''
    let quote = ''
    while (at < text.length) {
      const char = text.charAt(at)
      if (quote !== '') {
        if (char === quote) quote = ''
        else word += char
      } else if (isSpace(char)) break
      else if (char === '"' || char === "'") quote = char
      else word += char
      at += 1
    }
    if (word === '--') return parameters
    const equals = word.indexOf('=')
    parameters.push({
      name: equals < 0 ? word : word.slice(0, equals),
      value: equals < 0 ? undefined : word.slice(equals + 1),
      raw: text.slice(start, at),
    })
  }
}

/** The kernel takes `-` and `_` in names for the same (kernel/params.c, dash2underscore). */
export function sameName(a: string, b: string): boolean {
  return normaliseName(a) === normaliseName(b)
}

export function normaliseName(name: string): string {
  return name.replaceAll('-', '_')
}

function isSpace(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\n' || char === '\r'
}
