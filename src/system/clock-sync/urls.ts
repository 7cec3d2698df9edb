import type { KernelWord } from '../network/boot-interface.ts'

/**
 * URLs of the servers that this boot uses anyway: where its root came from (`root=live:URL`), and further ones. Others
 * than http and https are left out.
 */
export function bootUrls(words: readonly KernelWord[], further: readonly (string | null)[]): string[] {
  const root = words.filter(({ name }) => name === 'root').map(({ value }) => value?.replace(/^live:/, ''))
  return [...root, ...further]
    .filter((url) => typeof url === 'string')
    .filter((url) => /^https?:\/\//.test(url))
}
