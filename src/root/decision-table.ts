import { decide } from './decide.ts'
import { CANDIDATES, found, foundAtBoot, REQUESTS, SITUATIONS } from './decision-cases.ts'
import { IMAGE_ROLES, type ImageRole } from './names.ts'
import type { Decision, Observed } from './schema.ts'

/** One line of the tables in the documentation, as text. */
export interface TableRow {
  /** What is found. */
  when: readonly string[]
  /** What `decide` makes of it. */
  result: readonly string[]
}

/** Every boot: what GRUB started, and what the initramfs makes of it. */
export function bootRows(): TableRow[] {
  return SITUATIONS.flatMap((situation) => {
    const { current, old, booted } = situation
    const start = [current === 'missing' ? current : `C, ${current}`, old ? 'O' : 'none', booted]
    const rows = CANDIDATES.map(({ text, flag, observed: part }) => {
      const observed = foundAtBoot(situation, flag, part)
      return { candidate: text, flag, result: resultOf(observed) }
    })
    if (rows.every(({ result }) => sameText(result, rows[0]?.result))) {
      return [{ when: [...start, 'any', 'any'], result: rows[0]?.result ?? [] }]
    }
    return [false, true].flatMap((flag) => {
      const those = rows.filter((row) => row.flag === flag)
      const one = those.every(({ result }) => sameText(result, those[0]?.result))
      const shown = one ? those.slice(0, 1).map((row) => ({ ...row, candidate: 'any' })) : those
      return shown.map(({ candidate, result }) => ({
        when: [...start, candidate, flag ? 'there' : 'none'],
        result,
      }))
    })
  })
}

export function requestRows(): TableRow[] {
  return REQUESTS.map(([what, current, observed]) => ({
    when: [what, `C, ${current}`],
    result: resultOf(found(observed)),
  }))
}

/** Outcome, what boots, and which files are others afterwards. */
function resultOf(observed: Observed): string[] {
  const decision = decide(observed)
  const { files, flag, last } = afterwards(observed, decision)
  const { boot } = decision
  const image = boot?.image ?? (observed.occasion === 'boot' ? undefined : files.current)
  const how = boot?.how === 'restart' ? ', restarted into' : ''
  const state =
    last?.trial?.image === image
      ? `, on trial (${last?.trial?.boots} of ${last?.trial?.limit} boots begun)`
      : last?.confirmed === image
        ? ', confirmed'
        : ''
  const changed = IMAGE_ROLES.filter((role) => files[role] !== undefined)
    .filter((role) => files[role] !== observed.files[role])
    .map((role) => `\`${SHORT[role]}\` ${files[role]}`)
  if (observed.flag && !flag) changed.push('flag removed')
  return [
    decision.outcome,
    image === undefined ? 'nothing' : `${image}${how}${state}`,
    changed.length === 0 ? 'as they were' : changed.join(', '),
  ]
}

/** How things stand once all of it is done. */
function afterwards(observed: Observed, { actions }: Decision) {
  const files: Partial<Record<ImageRole, string>> = { ...observed.files }
  let flag = observed.flag
  let last = observed.record
  for (const action of actions) {
    if (action.do === 'ask') flag = true
    else if (action.do === 'record') last = action.record
    else if (action.do === 'keep' && files.current !== undefined) files[action.as] = files.current
    else if (action.do === 'remove' && action.what === 'flag') flag = false
    else if (action.do === 'remove' && action.what !== 'passing' && action.what !== 'flag')
      delete files[action.what]
    else if (action.do === 'move') {
      const key = files[action.from]
      delete files[action.from]
      if (key !== undefined) files[action.to] = key
    }
  }
  return { files, flag, last }
}

/** `-old` for hn-root-old.img. */
const SHORT: Readonly<Record<ImageRole, string>> = {
  current: 'hn-root',
  ...{ new: '-new', old: '-old', broken: '-broken', held: '-held', rejected: '-rejected' },
}

const sameText = (a: readonly string[], b: readonly string[] | undefined) => a.join('|') === b?.join('|')

const THEN = ['outcome', 'boots', 'files afterwards'] as const
const BOOT_WHEN = [
  '`hn-root.img`',
  '`hn-root-old.img`',
  'GRUB booted',
  '`hn-root-new.img`',
  '`system-revert`',
]
const REQUEST_WHEN = ['asked for', '`hn-root.img`']

/** The table of boots as Markdown, for the documentation. */
export function describeBoots(): string {
  return markdown([...BOOT_WHEN, ...THEN], bootRows())
}

/** The table of requests at run time as Markdown, for the documentation. */
export function describeRequests(): string {
  return markdown([...REQUEST_WHEN, 'outcome', 'boots next', 'files afterwards'], requestRows())
}

function markdown(head: readonly string[], rows: readonly TableRow[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(head),
    line(head.map(() => '---')),
    ...rows.map(({ when, result }) => line([...when, ...result])),
  ].join('\n')
}
