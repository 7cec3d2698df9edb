import * as z from 'zod'
import { SECTIONS, type SectionName } from './schema.ts'

const isSection = (name: string): name is SectionName => (SECTIONS as readonly string[]).includes(name)

/** The kernel command line gives texts; `all` stands for every section. */
export const optionsSchema = z.object({
  sections: z
    .string()
    .default('all')
    .transform((text, ctx): SectionName[] => {
      const names = text.split(',').map((name) => name.trim().toLowerCase())
      if (names.length === 1 && names[0] === 'all') return [...SECTIONS]
      const right = `give "all", or a comma list of ${SECTIONS.join(', ')}`
      const wrong = names.filter((name) => !isSection(name) && name !== 'all')
      const which = wrong.map((name) => (name === '' ? 'an empty name' : `"${name}"`)).join(', ')
      if (wrong.length > 0 || names.includes('all')) {
        const what = wrong.length > 0 ? `${which} is not a section` : '"all" stands alone'
        ctx.addIssue({ code: 'custom', message: `${what}: ${right}` })
        return z.NEVER
      }
      return SECTIONS.filter((name) => names.includes(name))
    })
    .describe(`what to read: all, or a comma list of ${SECTIONS.join(', ')}`),
})

export type InventoryOptions = z.infer<typeof optionsSchema>
