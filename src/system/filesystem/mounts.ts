import { readLine } from '../attribute.ts'
import { type Finding, known, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'

export const MOUNTINFO = '/proc/self/mountinfo'

export interface Mount {
  /** `major:minor` */
  device: string
  /** The part of the file system that is mounted; `/` is the whole. */
  root: string
  mountPoint: string
  type: string
  /** What was mounted: a device, a share, or a name. */
  source: string
  readOnly: boolean
}

/** Everything that is mounted for this process. Format: proc_pid_mountinfo(5). */
export async function readMounts(root: MachineRoot): Promise<Finding<Mount[]>> {
  const text = await readLine(root, MOUNTINFO)
  if (text.status !== 'known') return text
  const mounts: Mount[] = []
  for (const line of text.value.split('\n')) {
    const [before = '', after = ''] = line.split(' - ', 2)
    const [, , device, from, mountPoint, options] = before.split(' ')
    const [type, source = 'none'] = after.split(' ')
    if (device === undefined || from === undefined || mountPoint === undefined || !type) {
      return unknown(`${MOUNTINFO} has the line "${line.slice(0, 60)}"`, MOUNTINFO)
    }
    mounts.push({
      device,
      root: unescapeOctal(from),
      mountPoint: unescapeOctal(mountPoint),
      type,
      source: unescapeOctal(source),
      readOnly: options?.split(',').includes('ro') ?? false,
    })
  }
  return known(mounts, MOUNTINFO)
}

/** Space, tab, newline and backslash are written in octal. */
export function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
}
