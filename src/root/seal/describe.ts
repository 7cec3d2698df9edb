import type { SealPlan, SealResult } from './seal.ts'

/** A plan for people: what would go, and why. */
export function describeSealPlan({ steps, unseen }: SealPlan): string[] {
  const files = steps.reduce((sum, step) => sum + step.files, 0)
  const bytes = steps.reduce((sum, step) => sum + step.bytes, 0)
  const lines = [`${steps.length} places, ${files} files, ${size(bytes)}; nothing was changed`]
  let entry = ''
  for (const step of steps) {
    if (step.entry !== entry) lines.push('', `${step.entry}: ${step.what} [${step.from}]`)
    entry = step.entry
    const much = step.kind === 'folder' ? ` (${step.files} files, ${size(step.bytes)})` : ''
    lines.push(`  ${step.action.do.padEnd(11)} /${step.path}${much}`)
  }
  for (const { path, why } of unseen) lines.push('', `cannot be judged: /${path} ${why}`)
  return lines
}

/** The outcome for people, the verdict last. */
export function describeSeal(result: SealResult): string[] {
  const { steps, image, version, trimmed, searched, target, reasons, verdict } = result
  const files = steps.reduce((sum, step) => sum + step.files, 0)
  const lines = [`${steps.length} places were cleared, ${files} files in them`]
  lines.push(`the image is ${image}${version === undefined ? '' : `, version ${version}`}`)
  if (trimmed !== undefined) lines.push(`free blocks: ${trimmed}`)
  if (searched !== undefined)
    lines.push(
      `raw image: ${searched.needles} of ${searched.of} removed secrets searched, ${searched.found.length} found`,
    )
  if (target === 'folder') lines.push('free blocks of its filesystem were not looked at')
  for (const reason of reasons) lines.push(`  ${reason}`)
  lines.push(`seal: ${verdict.toUpperCase()}`)
  return lines
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const power = Math.min(4, Math.floor(Math.log10(bytes) / 3))
  return `${(bytes / 1000 ** power).toFixed(1)} ${['B', 'kB', 'MB', 'GB', 'TB'][power]}`
}
