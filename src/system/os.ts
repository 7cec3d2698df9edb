import type { MachineRoot } from './machine-root.ts'

/** The image that runs, as its os-release says; null when it is not one of ours. */
export async function readImage(root: MachineRoot): Promise<{ id: string; version: string } | null> {
  const fields = parseOsRelease((await root.readText('/etc/os-release')) ?? '')
  const { IMAGE_ID: id, IMAGE_VERSION: version } = fields
  return id === undefined || version === undefined ? null : { id, version }
}

/** os-release(5): NAME=value lines, value perhaps in quotes. */
export function parseOsRelease(text: string): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const [, name = '', , value = ''] of text.matchAll(/^([A-Z0-9_]+)=(["']?)(.*)\2$/gm))
    fields[name] = value
  return fields
}

/** Changes with every boot of this kernel. */
export async function readBootId(root: MachineRoot): Promise<string | null> {
  return (await root.readText('/proc/sys/kernel/random/boot_id')) ?? null
}

export async function readKernelRelease(root: MachineRoot): Promise<string | null> {
  return (await root.readText('/proc/sys/kernel/osrelease')) ?? null
}

/** Seconds since the kernel started; null without procfs. */
export async function readUptime(root: MachineRoot): Promise<number | null> {
  const seconds = Number((await root.readText('/proc/uptime'))?.split(' ')[0])
  return Number.isFinite(seconds) ? seconds : null
}
