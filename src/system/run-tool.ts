import { CommandError, ToolMissingError } from '../errors.ts'
import type { Exec } from './exec.ts'
import { type Finding, known, unknown } from './finding.ts'

export interface RunToolOptions {
  signal?: AbortSignal | undefined
  /** Milliseconds; default 5000. */
  timeout?: number
  okExitCodes?: readonly number[]
}

/** Standard output of a program; one that is missing, fails or hangs makes it unknown, with the reason. */
export async function runTool(
  exec: Exec,
  file: string,
  args: readonly string[],
  { signal, timeout = 5000, okExitCodes }: RunToolOptions = {},
): Promise<Finding<string>> {
  const source = [file, ...args].join(' ')
  try {
    const { stdout } = await exec(file, args, {
      timeout,
      ...(signal === undefined ? {} : { signal }),
      ...(okExitCodes === undefined ? {} : { okExitCodes }),
    })
    return known(stdout, source)
  } catch (error) {
    if (error instanceof ToolMissingError) return unknown(`${file} is not installed`, source)
    if (error instanceof CommandError) return unknown(error.message, source)
    throw error
  }
}
