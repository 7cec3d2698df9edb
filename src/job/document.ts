import { isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml'
import type { Parameter } from './cmdline.ts'
import type { Problem, SourceName } from './schema.ts'
import type { JobSource } from './source.ts'

export const JOB_FILE_SCHEMA = 'speediso.job-file/1'

/** Bytes; a job is a page of text at most. */
export const JOB_FILE_LIMIT = 256 * 1024

/** Where a name of the command line stands for a value and for a group at once, the file's name for the value. */
export const VALUE_NAMES: Readonly<Record<string, string>> = {
  'log.listen': 'log',
  'report.url': 'report',
  'foreman.url': 'foreman',
  'job.url': 'job',
}

/** No parameter is nested deeper. */
const DEEPEST = 4

/**
 * Reads a job file: the parameters of the command line without `speediso.`, dots written as nesting, `tasks` in place of
 * `SPEEDISO`. YAML 1.2 in its failsafe schema, in which every value is the text that was written: `0123` stays a serial
 * and `off` a word. JSON is a part of it. Never throws: what is wrong becomes a problem.
 */
export function readJobDocument(text: string, from: SourceName, file: string): JobSource {
  const wrong = (message: string, hint?: string): JobSource => ({
    from,
    parameters: [],
    problems: [{ from, parameter: file, message, ...(hint === undefined ? {} : { hint }) }],
  })
  if (/^\s*(<!doctype|<html|<\?xml)/i.test(text))
    return wrong('is a web page and no job file', 'does the URL lead to a log-in or an error page?')
  const document = parseDocument(text.replace(/^\uFEFF/, ''), { schema: 'failsafe', prettyErrors: true })
  const [error] = document.errors
  if (error !== undefined) {
    const line = error.linePos?.[0].line
    const what = error.message.split('\n')[0]?.replace(/ at line.*$/, '')
    return wrong(`is neither YAML nor JSON${line === undefined ? '' : `, line ${line}`}: ${what}`)
  }
  if (!isMap(document.contents))
    return wrong('holds no names and values', 'write one such as: tasks: inventory')
  const reader = new DocumentReader(from)
  reader.readMap(document.contents, [])
  return { from, parameters: reader.parameters, problems: reader.problems }
}

class DocumentReader {
  readonly parameters: Parameter[] = []
  readonly problems: Problem[] = []
  readonly #from: SourceName

  constructor(from: SourceName) {
    this.#from = from
  }

  readMap(map: Node, path: readonly string[]): void {
    if (!isMap(map)) return
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : '?'
      this.#readValue(value as Node | null, [...path, name])
    }
  }

  #readValue(value: Node | null, path: readonly string[]): void {
    const shown = path.join('.')
    if (isMap(value)) {
      if (path.length < DEEPEST) this.readMap(value, path)
      else this.#problem(shown, 'is nested too deeply')
    } else if (isSeq(value)) {
      const items = value.items.map((item) => (isScalar(item) ? String(item.value) : undefined))
      if (items.includes(undefined)) this.#problem(shown, 'is a list of something other than plain values')
      else this.#take(shown, items.join(','))
    } else if (isScalar(value)) this.#take(shown, String(value.value))
    else if (value === null) this.#take(shown, '')
    else this.#problem(shown, 'is an alias', 'write the value itself')
  }

  #take(shown: string, value: string): void {
    if (shown === 'schema') {
      if (value !== JOB_FILE_SCHEMA)
        this.#problem(shown, `"${value}" is not known here`, `write ${JOB_FILE_SCHEMA}, or leave it out`)
      return
    }
    const forbidden = this.#from === 'job file' && /^job(\.|$)/.test(shown)
    if (forbidden) {
      this.#problem(shown, 'a job file cannot name another', 'leave it out')
      return
    }
    const name = shown === 'tasks' ? 'SPEEDISO' : `speediso.${VALUE_NAMES[shown] ?? shown}`
    this.parameters.push({ name, value, raw: `${shown}: ${value}`, shown })
  }

  #problem(parameter: string, message: string, hint?: string): void {
    this.problems.push({ from: this.#from, parameter, message, ...(hint === undefined ? {} : { hint }) })
  }
}
