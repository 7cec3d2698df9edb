import { explain, SpeedisoError, TimeoutError } from '../../src/errors.ts'
import type { StepContext, StepOutcome } from '../../src/runtime/task.ts'
import { type Finding, unknown } from '../../src/system/finding.ts'
import { withLimit } from '../../src/system/limit.ts'
import { missingIn } from './core-values.ts'
import { figuresOf } from './figures.ts'
import type { SectionName } from './schema.ts'
import { type Libraries, type Section, sections } from './sections.ts'
import { tally } from './walk.ts'

/** Reads one section within its time; a source that hangs makes it unknown and keeps nobody waiting. */
export async function runSection<Name extends SectionName>(
  name: Name,
  ctx: StepContext,
  libraries: Libraries,
  limit: number,
): Promise<StepOutcome> {
  const section: Section<Name> = sections[name]
  const from = ctx.clock.monotonic()
  const finding = await read(section, ctx, libraries, limit)
  const milliseconds = Math.round(ctx.clock.monotonic() - from)
  const missing = missingIn(name, finding as never)
  const evidence = { status: finding.status, sources: finding.sources, values: tally(finding), milliseconds }
  for (const [figure, value, unit] of figuresOf(name, finding as never)) {
    if (value !== undefined) ctx.voice.reading(figure, value, unit)
  }
  if (missing.length === 0) return { verdict: 'passed', evidence, output: finding }
  const reason =
    finding.status === 'unknown'
      ? finding.reason
      : `unknown: ${missing.map(({ what, reason: why }) => `${what} (${why})`).join(', ')}`
  return { verdict: 'unknown', reason, evidence: { ...evidence, missing }, output: finding }
}

async function read<Name extends SectionName>(
  section: Section<Name>,
  ctx: StepContext,
  libraries: Libraries,
  limit: number,
): Promise<Finding<unknown>> {
  try {
    return await withLimit(limit, ctx.signal, (signal) => section.read({ ...ctx, signal }, libraries))
  } catch (error) {
    const sources = [...section.sources.flat(), ...section.tools]
    if (error instanceof TimeoutError)
      return unknown(`one of its sources hangs: ${error.message}`, ...sources)
    // Anything else is a mistake in a reader, and fails the step.
    if (error instanceof SpeedisoError) return unknown(explain(error).split('\n').join('; '), ...sources)
    throw error
  }
}
