import type { Problem } from './schema.ts'
import type { TEMPLATE_NAMES } from './values.ts'

/** What `${…}` in the URL of a job file stands for on this machine; undefined: this machine has none. */
export type TemplateValues = Readonly<Record<(typeof TEMPLATE_NAMES)[number], string | undefined>>

/**
 * Fills in a job file's URL. A MAC is written `52-54-00-12-34-56`, as iPXE's `${mac:hexhyp}` and PXELinux do, because
 * colons make poor file names; every value is escaped as part of a URL.
 */
export function fillTemplate(url: string, values: TemplateValues): { url: string } | { problem: Problem } {
  let missing: string | undefined
  const filled = url.replaceAll(/\$\{(\w+)\}/g, (whole, name: keyof TemplateValues) => {
    const value = values[name]
    if (value === undefined || value === '') missing ??= whole
    return encodeURIComponent((name === 'mac' ? value?.replaceAll(':', '-') : value) ?? '')
  })
  if (missing === undefined) return { url: filled }
  return {
    problem: {
      parameter: 'speediso.job',
      message: `needs ${missing}, which this machine does not tell`,
      hint: 'name the file by another of ${mac}, ${uuid}, ${serial}, ${hostname}',
    },
  }
}
