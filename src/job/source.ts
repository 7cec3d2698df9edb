import type { Parameter } from './cmdline.ts'
import { parseCommandLine } from './cmdline.ts'
import type { Problem, SourceName } from './schema.ts'

/** Something that says what the job is: all of its parameters, in order, and what was wrong with it as a whole. */
export interface JobSource {
  from: SourceName
  parameters: readonly Parameter[]
  problems: readonly Problem[]
}

export function commandLineSource(text: string): JobSource {
  return { from: 'command line', parameters: parseCommandLine(text), problems: [] }
}
