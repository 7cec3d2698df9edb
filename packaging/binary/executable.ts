import { chmod, copyFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Run } from '../lib/run.ts'

export interface ExecutableOptions {
  /** The bundled program. */
  script: string
  /** A stripped Node. */
  node: string
  output: string
  /** Files that it carries, by the name by which the program asks for them. */
  assets?: Readonly<Record<string, string>>
  /** Folder for what is only needed on the way. */
  work: string
}

/** Copies Node without its symbols. Strip comes before injecting: afterwards it would destroy the executable. */
export async function stripNode(node: string, output: string, run: Run): Promise<void> {
  await copyFile(node, `${output}.new`)
  await run('strip', [`${output}.new`])
  await chmod(`${output}.new`, 0o755)
  await rename(`${output}.new`, output)
}

/** Makes a single executable by Node's own build (`--build-sea`); replaces the output whole. */
export async function makeExecutable(options: ExecutableOptions, run: Run): Promise<void> {
  const config = join(options.work, 'sea.json')
  const temporary = `${options.output}.new`
  await writeFile(
    config,
    JSON.stringify({
      main: options.script,
      output: temporary,
      executable: options.node,
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: true,
      assets: options.assets,
      execArgv: ['--no-warnings'],
      // The kernel hands unknown name=value parameters to init as environment, so NODE_OPTIONS could come from there.
      execArgvExtension: 'none',
    }),
  )
  await run(process.execPath, ['--build-sea', config])
  await chmod(temporary, 0o755)
  await rename(temporary, options.output)
}
