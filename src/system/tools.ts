import type { MachineRoot } from './machine-root.ts'

/** Where a program is, by the search path; undefined when it is not installed. */
export async function findTool(
  root: MachineRoot,
  name: string,
  searchPath: string = process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin',
): Promise<string | undefined> {
  for (const dir of searchPath.split(':')) {
    const path = `${dir}/${name}`
    if (dir !== '' && (await root.exists(path).catch(() => false))) return path
  }
  return undefined
}
