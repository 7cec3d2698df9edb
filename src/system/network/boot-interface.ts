/** A word of the kernel command line. */
export interface KernelWord {
  readonly name: string
  readonly value: string | undefined
}

/** The card that the kernel command line names, as it names it. */
export type NamedCard = { by: 'BOOTIF'; mac: string } | { by: 'ip'; name: string }

/**
 * The cards that a kernel command line names, the most binding first: BOOTIF, which the boot loader writes, before ip=,
 * of which there may be several for other purposes (dracut, net-genrules.sh: "BOOTIF says everything").
 */
export function namedCards(words: readonly KernelWord[]): NamedCard[] {
  const values = (name: string) => words.filter((word) => word.name === name).map(({ value }) => value ?? '')
  const off = ['0', 'no', 'off'].includes(values('rd.bootif').at(-1) ?? '')
  const mac = off ? undefined : parseBootif(values('BOOTIF').at(-1) ?? '')
  const names = values('ip').map(interfaceOfIp)
  return [
    ...(mac === undefined ? [] : [{ by: 'BOOTIF', mac } as const]),
    ...names.filter((name) => name !== undefined).map((name) => ({ by: 'ip', name }) as const),
  ]
}

/**
 * The MAC in a BOOTIF: six bytes with `-` or `:` between them, after a byte of ARP hardware type (PXELINUX, IPAPPEND 2)
 * or without. Lower case with colons; undefined for anything else.
 */
export function parseBootif(value: string): string | undefined {
  const match = /^(?:[0-9a-f]{2}[-:])?([0-9a-f]{2}(?:[-:][0-9a-f]{2}){5})$/i.exec(value.trim())
  return match?.[1]?.toLowerCase().replaceAll('-', ':')
}

/**
 * The interface in an `ip=`, when it names one: `IP:[PEER]:GW:MASK:HOST:INTERFACE:METHOD…` (kernel, nfsroot.rst) or
 * `INTERFACE:METHOD[:MTU[:MAC]]` (dracut.cmdline(7)); addresses of IPv6 stand in brackets.
 */
export function interfaceOfIp(value: string): string | undefined {
  const parts = [...value.matchAll(/(\[[^\]]*\]|[^:]*)(?::|$)/g)].map(([, part = '']) => part)
  const [first = ''] = parts
  // A lone word is a method, such as dhcp.
  if (!value.includes(':')) return undefined
  const hasAddress = first === '' || first.startsWith('[') || /^\d{1,3}(\.\d{1,3}){3}$/.test(first)
  const name = hasAddress ? parts[5] : first
  return name === undefined || name === '' ? undefined : name
}
