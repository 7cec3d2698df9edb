import type * as z from 'zod'
import { type Catalogue, isSecretOption, RESCUE, type TaskFacts } from './catalogue.ts'
import { normaliseName, type Parameter, parseCommandLine, sameName } from './cmdline.ts'
import { parseDuration } from './duration.ts'
import { maskCredentials, SECRET } from './mask.ts'
import { nearest } from './nearest.ts'
import {
  DEFAULT_LISTEN,
  DEFAULT_WAIT,
  INITRAMFS_PARAMETERS,
  JOB_PARAMETERS,
  type JobParameter,
} from './parameters.ts'
import type { Job, Origin, Problem, ResolvedJob } from './schema.ts'

/** The job of a command line that says nothing: the plain live system. */
export function emptyJob(): Job {
  return {
    schema: 'speediso.job/1',
    tasks: [],
    after: 'stay',
    after_failure: 'stay',
    timeout: null,
    confirm: [],
    log: { listen: DEFAULT_LISTEN, token: null, tls: false },
    ssh_keys: [],
    file: { url: null, sha256: null, wait: DEFAULT_WAIT.file },
    report: { url: null, token: null, hmac_key: null, wait: DEFAULT_WAIT.report },
    foreman: { url: null, token: null },
    nats: null,
    ntp: [],
  }
}

/**
 * Works out the job of a kernel command line. Never throws: what is wrong becomes a problem, and a job with a problem
 * holds no task. Later parameters win, and only what wins is checked.
 */
export function resolveJob(commandLine: string, catalogue: Catalogue): ResolvedJob {
  return resolveParameters(parseCommandLine(commandLine), catalogue)
}

/** The same from parameters that were given in another way. */
export function resolveParameters(parameters: readonly Parameter[], catalogue: Catalogue): ResolvedJob {
  const words = new Words(catalogue)
  for (const parameter of parameters) words.take(parameter)
  return words.finish()
}

/** One word of the command line, understood. */
interface TaskWord {
  task: string
  key: string
  value: string
  word: string
}

class Words {
  readonly #catalogue: Catalogue
  readonly #job = emptyJob()
  readonly #origins: Record<string, Origin> = {}
  readonly #problems: Problem[] = []
  readonly #masked: string[] = []
  readonly #own = new Map<JobParameter, { name: string; value: string | undefined; word: string }>()
  readonly #options = new Map<string, TaskWord>()
  #tasks: { value: string | undefined; parameter: string } | undefined

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue
  }

  take(parameter: Parameter): void {
    const { name, value, raw } = parameter
    if (name === 'SPEEDISO') {
      this.#masked.push(raw)
      this.#takeTasks('SPEEDISO', value, raw)
      return
    }
    if (sameName(name, 'systemd.setenv') && value?.startsWith('SPEEDISO=')) {
      this.#masked.push(raw)
      this.#takeTasks('systemd.setenv=SPEEDISO', value.slice('SPEEDISO='.length), raw)
      return
    }
    if (!/^speediso(\.|$)/i.test(name)) {
      this.#masked.push(raw)
      return
    }
    this.#takeOwn(name, value, raw)
  }

  #takeTasks(parameter: string, value: string | undefined, word: string): void {
    this.#origins.tasks = { from: 'command line', word }
    this.#tasks = { value, parameter }
  }

  #takeOwn(name: string, value: string | undefined, raw: string): void {
    const mask = `${name}${value === undefined ? '' : `=${SECRET}`}`
    if (INITRAMFS_PARAMETERS.some((known) => sameName(known, name))) {
      this.#masked.push(raw)
      return
    }
    const own = JOB_PARAMETERS.find((known) => sameName(known.name, name))
    if (own !== undefined) {
      const word = own.secret ? mask : maskCredentials(raw)
      this.#masked.push(word)
      this.#own.set(own, { name, value, word })
      return
    }
    const [, task = '', key = ''] = /^speediso\.([^.]+)\.(.+)$/.exec(name) ?? []
    const facts = this.#catalogue.get(task)
    const known = facts === undefined ? undefined : optionKey(facts, key)
    if (facts === undefined || known === undefined) {
      // A mistyped name may carry a secret, so its value is never shown.
      this.#masked.push(mask)
      const meant = nearest(normaliseName(name), this.#spellings())
      this.#problem(
        name,
        'is no parameter of speediso',
        meant === undefined ? `known are ${[...this.#spellings()].join(', ')}` : `did you mean ${meant}?`,
      )
      return
    }
    const word = isSecretOption(facts, known) ? mask : maskCredentials(raw)
    this.#masked.push(word)
    this.#options.set(`${task}.${known}`, { task, key: known, value: value ?? '', word })
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
    for (const [parameter, { name, value, word }] of this.#own) {
      this.#origins[parameter.field] = { from: 'command line', word }
      if (value === undefined || value === '')
        this.#problem(name, 'has no value', `${parameter.name}=${parameter.form}`)
      else this.#attempt(name, () => parameter.apply(this.#job, value))
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
      commandLine: this.#masked.map(maskCredentials).join(' '),
    }
  }

  #checkTasks(): string[] {
    const { value, parameter } = this.#tasks ?? { value: '', parameter: 'SPEEDISO' }
    const known = [...this.#catalogue.keys(), RESCUE]
    if (value === undefined) {
      this.#problem(parameter, 'has no value', `write ${parameter}=${known[0]}, or leave it out`)
      return []
    }
    const names = value === '' ? [] : value.split(',').map((task) => task.trim())
    const seen = new Set<string>()
    for (const name of names) {
      const meant = nearest(name, known)
      if (name === '')
        this.#problem(parameter, 'names an empty task', `write ${parameter}=${known.join(',')}`)
      else if (!known.includes(name)) {
        const hint = meant === undefined ? `known tasks are ${known.join(', ')}` : `did you mean ${meant}?`
        this.#problem(parameter, `"${name}" is no task of this image`, hint)
      } else if (seen.has(name)) this.#problem(parameter, `names ${name} twice`, 'name each task once')
      seen.add(name)
    }
    return names.filter((name) => name !== RESCUE)
  }

  /** Every option given for a task is checked, also when the task is not asked for: a typo is never silent. */
  #checkOptions(task: string, facts: TaskFacts): Record<string, unknown> {
    const given: Record<string, unknown> = {}
    let timeout: number | undefined
    for (const option of this.#options.values()) {
      if (option.task !== task) continue
      this.#origins[`${task}.${option.key}`] = { from: 'command line', word: option.word }
      if (option.value === '')
        this.#problem(`speediso.${task}.${option.key}`, 'has no value', 'write NAME=VALUE')
      else if (option.key !== 'timeout') given[option.key] = option.value
      else {
        this.#attempt(`speediso.${task}.timeout`, () => {
          timeout = parseDuration(option.value)
        })
      }
    }
    const parsed = facts.options.safeParse(given)
    if (!parsed.success) {
      for (const issue of parsed.error.issues) this.#issue(task, facts, issue)
      return {}
    }
    for (const key of Object.keys(facts.options.shape))
      this.#origins[`${task}.${key}`] ??= { from: 'default' }
    return { ...parsed.data, ...(timeout === undefined ? {} : { timeout }) }
  }

  #issue(task: string, facts: TaskFacts, issue: z.core.$ZodIssue): void {
    const key = String(issue.path[0] ?? '')
    // zod may quote what it was given.
    const message = isSecretOption(facts, key) ? 'is not valid' : issue.message
    this.#problem(`speediso.${task}.${key}`, message)
  }

  #attempt(parameter: string, act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#problem(parameter, error.message)
    }
  }

  #problem(parameter: string, message: string, hint?: string): void {
    this.#problems.push({ parameter, message, ...(hint === undefined ? {} : { hint }) })
  }
}

/** The schema's own spelling of an option; `timeout` belongs to every task. */
function optionKey(facts: TaskFacts, written: string): string | undefined {
  return ['timeout', ...Object.keys(facts.options.shape)].find((key) => sameName(key, written))
}
