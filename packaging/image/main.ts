import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { explain, UsageError } from '../lib/errors.ts'
import { buildImage } from './build.ts'
import { parseOptions, USAGE } from './options.ts'
import { recipes } from './recipes.ts'

const PROJECT = join(dirname(fileURLToPath(import.meta.url)), '../..')

async function main(args: readonly string[]): Promise<number> {
  const abort = new AbortController()
  const interrupt = (signal: NodeJS.Signals) =>
    abort.abort(new Error(`interrupted by ${signal}; nothing was left behind`))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
  try {
    const options = parseOptions(args, PROJECT, recipes)
    if (options === undefined) {
      console.log(USAGE)
      return 0
    }
    const result = await buildImage(options, { say: console.error, signal: abort.signal, env: process.env })
    console.log(result.folder)
    return 0
  } catch (error) {
    console.error(`image: ${explain(error)}`)
    if (error instanceof UsageError) return 2
    return abort.signal.aborted ? 130 : 1
  }
}

process.exitCode = await main(process.argv.slice(2))
