import * as z from 'zod'
import { parseDuration } from '../../src/job/duration.ts'
import { nearest } from '../../src/job/nearest.ts'
import { KeyError, parseSigningKey } from './certificate/keys.ts'
import { type MethodName, parseMethods } from './plan/method-names.ts'
import { parseSelectors, type Selector } from './plan/selector.ts'

/** Below this a disk that only retries a bad sector would count as hung: the kernel gives one command 30 s. */
const LEAST_STALL = 30_000

/** The kernel command line and job files give texts. Each reader throws a RangeError that says what would be right. */
function read<T>(parse: (text: string) => T) {
  return (text: string, ctx: z.core.$RefinementCtx): T => {
    try {
      return parse(text)
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof KeyError)) throw error
      ctx.addIssue({ code: 'custom', message: error.message })
      return z.NEVER
    }
  }
}

function oneOf<const Word extends string>(...words: readonly Word[]) {
  return (text: string): Word => {
    const word = words.find((known) => known === text.toLowerCase())
    if (word !== undefined) return word
    const meant = nearest(text, words)
    throw new RangeError(
      `"${text}" is none of ${words.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    )
  }
}

/** Without a guess at what was meant: the other one is never near enough. */
function yesOrNo(text: string): boolean {
  const word = text.toLowerCase()
  if (word !== 'yes' && word !== 'no') throw new RangeError(`"${text}" is neither yes nor no`)
  return word === 'yes'
}

/** For the certificate. */
function freeText(text: string): string {
  const trimmed = text.trim()
  if (/\p{Cc}/u.test(trimmed)) throw new RangeError('it holds a control character; write it in one line')
  if (trimmed === '' || trimmed.length > 200) throw new RangeError('it takes 1 to 200 characters')
  return trimmed
}

function parsePasses(text: string): number {
  const passes = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (passes < 1 || passes > 35) throw new RangeError(`"${text}" is no number of passes; write 1 to 35`)
  return passes
}

function parseStall(text: string): number {
  const stall = parseDuration(text)
  if (stall < LEAST_STALL)
    throw new RangeError(`"${text}" is less than a disk takes for its own retries; write 30s or more`)
  return stall
}

function certificateText(what: string) {
  return z.string().transform(read(freeText)).optional().describe(`${what}, for the certificate`)
}

/** Texts on the outside, ready values inside. */
export const optionsSchema = z
  .object({
    level: z
      .string()
      .default('auto')
      .transform(read(oneOf('auto', 'purge', 'clear')))
      .describe('auto (purge where the drive can, else clear), purge or clear'),
    disks: z
      .string()
      .default('all')
      .transform(read((text): Selector[] => parseSelectors(text)))
      .describe(
        'which disks: all, or a comma list of serial:, wwn:, path:/dev/, by-path:, model:, size:, transport:',
      ),
    exclude: z
      .string()
      .optional()
      .transform((text, ctx): Selector[] => (text === undefined ? [] : read(parseSelectors)(text, ctx)))
      .describe('disks that are left alone whatever else is said; written as for disks'),
    verify: z
      .string()
      .default('auto')
      .transform(read(oneOf('auto', 'full', 'sample', 'none')))
      .describe(
        'auto (all of an overwritten disk, samples after a firmware erase), full, sample, or none: then the verdict is unknown',
      ),
    passes: z
      .string()
      .default('1')
      .transform(read(parsePasses))
      .describe('passes of an overwrite, 1 to 35; one is enough'),
    pattern: z
      .string()
      .default('zero')
      .transform(read(oneOf('zero', 'random')))
      .describe('what an overwrite writes: zero or random'),
    quick: z
      .string()
      .default('no')
      .transform(read(yesOrNo))
      .describe('only remove partition tables and signatures (erases no data): yes or no')
      .meta({ flag: true }),
    methods: z
      .string()
      .default('all')
      .transform(read((text): MethodName[] => parseMethods(text)))
      .describe(
        'ways to erase that may be used: all, or a comma list of names or families, such as nvme-sanitize,overwrite',
      ),
    suspend: z
      .string()
      .default('no')
      .transform(read(yesOrNo))
      .describe('suspend the machine to memory once if the firmware froze a drive: yes or no'),
    stall: z
      .string()
      .default('5m')
      .transform(read(parseStall))
      .describe('a disk without progress for this time counts as hung, such as 5m'),
    customer: certificateText('whose data it was'),
    operator: certificateText('who is responsible for the erasure'),
    organisation: certificateText('who carries it out'),
    reference: certificateText('order or ticket number'),
    certificate_key: z
      .string()
      .transform(
        read((text) => {
          parseSigningKey(text)
          return text
        }),
      )
      .optional()
      .describe('Ed25519 private key that signs the certificate, PEM or base64; on this command line a file')
      .meta({ secret: true, file: true }),
  })
  .superRefine((options, ctx) => {
    if (!options.quick) return
    const against = [
      options.level === 'auto' ? [] : ['level'],
      options.verify === 'auto' ? [] : ['verify'],
      options.passes === 1 ? [] : ['passes'],
      options.pattern === 'zero' ? [] : ['pattern'],
    ].flat()
    for (const key of against) {
      const message = 'means nothing with quick, which erases no data; leave out one of the two'
      ctx.addIssue({ code: 'custom', path: [key], message })
    }
  })

export type WipeOptions = z.infer<typeof optionsSchema>
