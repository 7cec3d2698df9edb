import { credentialsIn, maskWord, SECRET } from '../mask.ts'
import { type Catalogue, isFlagOption, isSecretOption, RESCUE, type TaskFacts } from './catalogue.ts'
import { normaliseName, type Parameter, sameName } from './cmdline.ts'
import { parseDuration } from './duration.ts'
import { emptyJob } from './empty.ts'
import { nearest } from './nearest.ts'
import { INITRAMFS_PARAMETERS, JOB_PARAMETERS, type JobParameter } from './parameters.ts'
import type { Origin, Problem, ResolvedJob, SourceName } from './schema.ts'
import type { JobSource } from './source.ts'
import { readTaskNames } from './task-names.ts'

/** A value that was given, and the words it was given in. */
interface Given {
  from: SourceName
  /** The name as written. */
  name: string
  value: string | undefined
  /** Secrets masked. */
  word: string
}

/** The words of all sources, understood one by one; `finish` makes the job of those that won. */
export class Words {
  readonly #catalogue: Catalogue
  readonly #job = emptyJob()
  readonly #origins: Record<string, Origin> = {}
  readonly #problems: Problem[] = []
  readonly #masked: string[] = []
  readonly #own = new Map<JobParameter, Given>()
  readonly #options = new Map<string, Given & { task: string; key: string }>()
  readonly #hidden = new Set<string>()
  #tasks: Given | undefined

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue
  }

  takeAll({ from, parameters, problems }: JobSource): void {
    this.#problems.push(...problems)
    for (const parameter of parameters) {
      const word = this.#take(parameter, from)
      if (from === 'command line') this.#masked.push(word)
    }
  }

  /** Takes one parameter; gives its word with secrets masked. */
  #take({ name, value, raw, shown = name }: Parameter, from: SourceName): string {
    if (name === 'SPEEDISO') {
      this.#tasks = { from, name: shown, value, word: raw }
      return raw
    }
    if (sameName(name, 'systemd.setenv') && /^SPEEDISO(=|$)/.test(value ?? '')) {
      const tasks = value?.split('=')[1]
      this.#tasks = { from, name: 'systemd.setenv=SPEEDISO', value: tasks, word: raw }
      return raw
    }
    if (!/^speediso(\.|$)/i.test(name)) return this.#maskUrls(raw)
    return this.#takeOwn({ from, name: shown, value, word: raw }, name)
  }

  #takeOwn(given: Given, name: string): string {
    if (INITRAMFS_PARAMETERS.some((known) => sameName(known, name))) {
      if (given.from === 'command line') return this.#maskUrls(given.word)
      this.#problem(given, 'is read before there is such a file', 'write it on the command line')
      return this.#mask(given)
    }
    const own = JOB_PARAMETERS.find((known) => sameName(known.name, name))
    if (own !== undefined) {
      const word = own.secret ? this.#mask(given) : this.#maskUrls(given.word)
      this.#own.set(own, { ...given, word })
      return word
    }
    const [, task = '', key = ''] = /^speediso\.([^.]+)\.(.+)$/.exec(name) ?? []
    const facts = this.#catalogue.get(task)
    const known = facts === undefined ? undefined : optionKey(facts, key)
    if (facts === undefined || known === undefined) {
      // A mistyped name may carry a secret, so its value is never shown, nor what looks like one in the name.
      const safe = this.#safeName(given.name)
      this.#unknown({ ...given, name: safe }, name === given.name ? safe : name)
      return this.#mask({ ...given, name: safe, word: given.value === undefined ? safe : given.word })
    }
    const word = isSecretOption(facts, known) ? this.#mask(given) : this.#maskUrls(given.word)
    this.#options.set(`${task}.${known}`, { ...given, word, task, key: known })
    return word
  }

  #mask({ from, name, value, word }: Given): string {
    if (value === undefined) return word
    if (value !== '') this.#hidden.add(value)
    return from === 'command line' ? `${name}=${SECRET}` : `${name}: ${SECRET}`
  }

  /** `speediso.log.token:WORD` and `speediso.log.tokenWORD` have the secret in what is taken for the name. */
  #safeName(name: string): string {
    const head = /^[\w.-]*/.exec(name)?.[0] ?? ''
    const secret = JOB_PARAMETERS.find(
      (known) => known.secret && normaliseName(head).startsWith(normaliseName(known.name)),
    )
    const end = secret?.name.length ?? head.length
    if (end >= name.length) return name
    const tail = name.slice(end)
    this.#hidden.add(tail)
    this.#hidden.add(tail.replace(/^\W+/, ''))
    return `${name.slice(0, end)}${SECRET}`
  }

  #maskUrls(word: string): string {
    for (const part of credentialsIn(word)) this.#hidden.add(part)
    return maskWord(word)
  }

  #unknown(given: Given, name: string): void {
    const spelled = (known: string) =>
      given.name === name ? known : known.replace(/^SPEEDISO$/, 'tasks').replace(/^speediso\./, '')
    const known = [...this.#spellings()].filter((name) => allowed(name, given.from)).map(spelled)
    const meant = nearest(normaliseName(given.name), known)
    this.#problem(
      given,
      'is no parameter of speediso',
      meant === undefined ? `known are ${known.join(', ')}` : `did you mean ${meant}?`,
    )
  }

  *#spellings(): Iterable<string> {
    yield 'SPEEDISO'
    for (const parameter of JOB_PARAMETERS) yield parameter.name
    yield* INITRAMFS_PARAMETERS
    for (const [task, facts] of this.#catalogue) {
      yield `speediso.${task}.timeout`
      for (const key of Object.keys(facts.options.shape)) yield `speediso.${task}.${key}`
    }
  }

  finish(): ResolvedJob {
    for (const [parameter, given] of this.#own) {
      this.#origins[parameter.field] = { from: given.from, word: given.word }
      const { value } = given
      if (value === undefined || value === '')
        this.#problem(given, 'has no value', `${parameter.name}=${parameter.form}`)
      else this.#attempt(given, () => parameter.apply(this.#job, value))
    }
    const asked = this.#checkTasks()
    const options = new Map<string, Record<string, unknown>>()
    for (const [task, facts] of this.#catalogue) options.set(task, this.#checkOptions(task, facts))
    if (this.#problems.length === 0) {
      for (const name of asked) {
        const { timeout, ...rest } = options.get(name) ?? {}
        const facts = this.#catalogue.get(name)
        this.#job.tasks.push({ name, options: rest, timeout: Number(timeout ?? facts?.timeout) })
      }
    }
    for (const field of ['tasks', ...JOB_PARAMETERS.map((parameter) => parameter.field)]) {
      this.#origins[field] ??= { from: 'default' }
    }
    return {
      job: this.#job,
      origins: this.#origins,
      problems: this.#problems,
      commandLine: this.#masked.join(' '),
      hidden: () => [...this.#hidden],
    }
  }

  #checkTasks(): string[] {
    const given = this.#tasks
    if (given === undefined) return []
    this.#origins.tasks = { from: given.from, word: given.word }
    const known = [...this.#catalogue.keys(), RESCUE]
    if (given.value === undefined) {
      this.#problem(given, 'has no value', `write ${given.name}=${known[0]}, or leave it out`)
      return []
    }
    const { names, faults } = readTaskNames(given.value, known)
    for (const [message, hint] of faults) this.#problem(given, message, hint)
    return names
  }

  /** Every option given for a task is checked, also when the task is not asked for: a typo is never silent. */
  #checkOptions(task: string, facts: TaskFacts): Record<string, unknown> {
    const values: Record<string, unknown> = {}
    const words = new Map<string, Given>()
    let timeout: number | undefined
    for (const option of this.#options.values()) {
      if (option.task !== task) continue
      words.set(option.key, option)
      this.#origins[`${task}.${option.key}`] = { from: option.from, word: option.word }
      const { value = isFlagOption(facts, option.key) ? 'yes' : '' } = option
      if (value === '') this.#problem(option, 'has no value', 'write NAME=VALUE')
      else if (option.key !== 'timeout') values[option.key] = value
      else {
        this.#attempt(option, () => {
          timeout = parseDuration(value)
        })
      }
    }
    const parsed = facts.options.safeParse(values)
    if (!parsed.success) {
      for (const issue of parsed.error.issues) {
        const key = String(issue.path[0] ?? '')
        const given = words.get(key) ?? { from: 'command line', name: `speediso.${task}.${key}` }
        // zod may quote what it was given; what a task says of its own secrets does not.
        const quotes = isSecretOption(facts, key) && issue.code !== 'custom'
        this.#problem(given, quotes ? 'is not valid' : issue.message)
      }
      return {}
    }
    for (const key of Object.keys(facts.options.shape))
      this.#origins[`${task}.${key}`] ??= { from: 'default' }
    return { ...parsed.data, ...(timeout === undefined ? {} : { timeout }) }
  }

  #attempt(given: Given, act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#problem(given, error.message)
    }
  }

  #problem({ from, name }: Pick<Given, 'from' | 'name'>, message: string, hint?: string): void {
    this.#problems.push({
      ...(from === 'command line' ? {} : { from }),
      parameter: name,
      message,
      ...(hint === undefined ? {} : { hint }),
    })
  }
}

/** The schema's own spelling of an option; `timeout` belongs to every task. */
function optionKey(facts: TaskFacts, written: string): string | undefined {
  return ['timeout', ...Object.keys(facts.options.shape)].find((key) => sameName(key, written))
}

/** Whether it may stand in such a source at all. */
function allowed(name: string, from: SourceName): boolean {
  const early = INITRAMFS_PARAMETERS.includes(name)
  return from === 'command line' || (!early && !(from === 'job file' && /^speediso\.job(\.|$)/.test(name)))
}
