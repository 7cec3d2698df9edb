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
      const wrong = names.filter((name) => !isSection(name))
      if (wrong.length > 0) {
        const which = wrong.map((name) => (name === '' ? 'an empty name' : `"${name}"`)).join(', ')
        ctx.addIssue({
          code: 'custom',
          message: `${which} is not a section: give "all", or a comma list of ${SECTIONS.join(', ')}`,
        })
        return z.NEVER
      }
      return SECTIONS.filter((name) => names.includes(name))
    })
    .describe(`what to read: all, or a comma list of ${SECTIONS.join(', ')}`),
})

export type InventoryOptions = z.infer<typeof optionsSchema>
