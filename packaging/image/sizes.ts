import type { Manifest, Part } from './manifest.ts'
import type { Recipe } from './recipe.ts'

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

type Sized = Pick<Manifest, 'parts'>

function size(manifest: Sized, name: Part['name']): number {
  return manifest.parts.find((part) => part.name === name)?.size ?? 0
}

function groups(budget: Recipe['budget'], manifest: Sized) {
  const root = manifest.parts.find((part) => part.name === 'hn-root.img')?.name ?? 'rootfs.squashfs'
  return [
    {
      name: 'vmlinuz + initrd.img',
      size: size(manifest, 'vmlinuz') + size(manifest, 'initrd.img'),
      limit: budget.boot,
    },
    { name: root, size: size(manifest, root), limit: budget.root },
  ]
}

/** One line for each part, and one for each budget. */
export function sizeTable(budget: Recipe['budget'], manifest: Sized & Pick<Manifest, 'rootSize'>): string[] {
  const line = (name: string, text: string) => `  ${name.padEnd(22)}${text}`
  return [
    ...manifest.parts.map((part) => line(part.name, megabytes(part.size))),
    line('root, unpacked', megabytes(manifest.rootSize)),
    ...groups(budget, manifest).map((group) =>
      line(
        group.name,
        `${megabytes(group.size)} of ${megabytes(group.limit)}: ${group.size <= group.limit ? 'inside' : 'OVER'} the budget`,
      ),
    ),
  ]
}

/** The budgets that are not kept; empty when all are. */
export function budgetProblems(budget: Recipe['budget'], manifest: Sized): string[] {
  return groups(budget, manifest)
    .filter((group) => group.size > group.limit)
    .map((group) => `${group.name} ${megabytes(group.size)}, at most ${megabytes(group.limit)}`)
}
