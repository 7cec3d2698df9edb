/** One of QEMU's comma-separated options; a comma in a value is written twice, undefined values are left out. */
export function option(
  head: string,
  values: Readonly<Record<string, string | number | undefined>> = {},
): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined)
  return [head, ...pairs.map(([key, value]) => `${key}=${String(value).replaceAll(',', ',,')}`)].join(',')
}
