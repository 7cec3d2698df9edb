import { RESCUE } from './catalogue.ts'
import { nearest } from './nearest.ts'

/** Tasks that are asked for, in order, without the plain live system; and what is wrong with the list. */
export interface TaskNames {
  names: string[]
  faults: [message: string, hint: string][]
}

/** Reads `a,b`; `known` are all that there are. */
export function readTaskNames(value: string, known: readonly string[]): TaskNames {
  const names = value === '' ? [] : value.split(',').map((task) => task.trim())
  const faults: TaskNames['faults'] = []
  if (names.includes(''))
    faults.push(['names an empty task', `write one of ${known.join(', ')}, or several with a comma`])
  const seen = new Set<string>()
  for (const name of names.filter((task) => task !== '')) {
    const meant = nearest(name, known)
    if (!known.includes(name)) {
      const hint = meant === undefined ? `known tasks are ${known.join(', ')}` : `did you mean ${meant}?`
      faults.push([`"${name}" is no task of this image`, hint])
    } else if (seen.has(name)) faults.push([`names ${name} twice`, 'name each task once'])
    seen.add(name)
  }
  return { names: names.filter((name) => name !== RESCUE), faults }
}
