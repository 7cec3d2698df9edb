import { multipathGroups } from '../../../src/system/block/stack/groups.ts'
import type { DiskId, WipeDisk, WipeFacts } from '../schema.ts'
import { bareWwn } from './selector.ts'

/** One disk of the world, under all names that the kernel has for it. */
export interface DiskGroup {
  members: readonly [WipeDisk, ...WipeDisk[]]
}

/** Puts together what is one disk: paths of a multipath device, and disks of the same WWN. In the order of the facts. */
export function groupDisks({ disks, stack }: Pick<WipeFacts, 'disks' | 'stack'>): DiskGroup[] {
  const paths = multipathGroups(stack)
  const groups: [WipeDisk, ...WipeDisk[]][] = []
  for (const disk of disks) {
    const same = groups.filter((group) => group.some((other) => isSame(disk, other, paths)))
    const [first, ...more] = same
    if (first === undefined) groups.push([disk])
    else {
      first.push(disk)
      for (const group of more) {
        first.push(...group)
        groups.splice(groups.indexOf(group), 1)
      }
    }
  }
  return groups.map((members) => ({ members }))
}

function isSame(a: WipeDisk, b: WipeDisk, paths: readonly string[][]): boolean {
  return isJoined(a, b, paths) || sameWwn(a.id, b.id)
}

/** Whether the kernel itself has them as one: then it is certain that they are. */
function isJoined(a: WipeDisk, b: WipeDisk, paths: readonly string[][]): boolean {
  if (paths.some((group) => group.includes(a.id.name) && group.includes(b.id.name))) return true
  return a.drive === b.drive && sameWwn(a.id, b.id)
}

export function joins({ stack }: Pick<WipeFacts, 'stack'>): (a: WipeDisk, b: WipeDisk) => boolean {
  const paths = multipathGroups(stack)
  return (a, b) => isJoined(a, b, paths)
}

/** Some makers give one WWN to many drives; different serials tell them apart. */
function sameWwn(a: DiskId, b: DiskId): boolean {
  if (a.wwn === undefined || b.wwn === undefined || bareWwn(a.wwn) !== bareWwn(b.wwn)) return false
  return a.serial === undefined || b.serial === undefined || a.serial.trim() === b.serial.trim()
}
