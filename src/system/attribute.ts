import { ReadError } from '../errors.ts'
import { type Finding, known, unknown } from './finding.ts'
import type { MachineRoot } from './machine-root.ts'
import { statedText } from './placeholder.ts'

/** One line about why a read did not work. @throws what is not a failed read: a mistake must not pass as unknown */
export function readFailure(error: unknown): string {
  if (!(error instanceof ReadError)) throw error
  return `not readable: ${error.message}`
}

/** What the kernel itself writes, as it stands; an empty file is unknown. */
export async function readLine(root: MachineRoot, path: string): Promise<Finding<string>> {
  try {
    const text = await root.readText(path)
    if (text === undefined) return unknown(`no ${path}`, path)
    return text === '' ? unknown(`${path} is empty`, path) : known(text, path)
  } catch (error) {
    return unknown(readFailure(error), path)
  }
}

/** What a manufacturer has stated; a placeholder or empty text is unknown. */
export async function readAttribute(root: MachineRoot, path: string, what: string): Promise<Finding<string>> {
  const line = await readLine(root, path)
  return line.status === 'known' ? statedText(line.value, what, path) : line
}

/** A whole number of at least `min`; everything else in the file is unknown, with what it said. */
export async function readNumber(root: MachineRoot, path: string, min = 0): Promise<Finding<number>> {
  try {
    const text = await root.readText(path)
    if (text === undefined) return unknown(`no ${path}`, path)
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN
    if (Number.isSafeInteger(value) && value >= min) return known(value, path)
    return { ...unknown(`${path} says "${text.slice(0, 40)}"`, path), raw: text.slice(0, 40) }
  } catch (error) {
    return unknown(readFailure(error), path)
  }
}

/** A flag that the kernel writes as 0 or 1. */
export async function readFlag(root: MachineRoot, path: string): Promise<Finding<boolean>> {
  const number = await readNumber(root, path)
  if (number.status !== 'known') return number
  if (number.value > 1) return unknown(`${path} says "${number.value}"`, path)
  return known(number.value === 1, path)
}

/** Directory entries; unknown when it is not there or cannot be read. */
export async function readEntries(root: MachineRoot, path: string): Promise<Finding<string[]>> {
  try {
    const names = await root.list(path)
    return names === undefined ? unknown(`no ${path}`, path) : known(names, path)
  } catch (error) {
    return unknown(readFailure(error), path)
  }
}

/** A symbolic link's target, as written. */
export async function readTarget(root: MachineRoot, path: string): Promise<Finding<string>> {
  try {
    const target = await root.readLink(path)
    return target === undefined ? unknown(`no ${path}`, path) : known(target, path)
  } catch (error) {
    return unknown(readFailure(error), path)
  }
}
