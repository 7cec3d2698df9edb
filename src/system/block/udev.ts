import type { MachineRoot } from '../machine-root.ts'

/** Properties that udev keeps of a block device; undefined where there is no udev. systemd: sd-device's db format. */
export interface UdevRecord {
  source: string
  properties: ReadonlyMap<string, string>
}

export const UDEV_DATA = '/run/udev/data'

/** @param device `major:minor` as in /sys/block/…/dev */
export async function readUdev(root: MachineRoot, device: string): Promise<UdevRecord | undefined> {
  const source = `${UDEV_DATA}/b${device}`
  const text = await root.readText(source).catch(() => undefined)
  if (text === undefined) return undefined
  const properties = [...text.matchAll(/^E:([^=]+)=(.*)$/gm)].map(
    ([, key = '', value = '']) => [key, value] as const,
  )
  return { source, properties: new Map(properties) }
}

/** Undoes the `\x20` of the *_ENC properties. */
export function decodeUdev(text: string): string {
  return text.replaceAll(/\\x([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
