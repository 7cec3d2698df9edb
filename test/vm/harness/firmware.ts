import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { ToolMissingError } from '../../../src/errors.ts'

export interface UefiFirmware {
  code: string
  /** Template of the variables: copied for each machine. */
  variables: string
}

/** Debian 12 and 13 and Ubuntu from 22.04 have the 4 MiB build; older ones only the other. Neither enforces Secure Boot. */
const KNOWN: readonly UefiFirmware[] = [
  { code: 'usr/share/OVMF/OVMF_CODE_4M.fd', variables: 'usr/share/OVMF/OVMF_VARS_4M.fd' },
  { code: 'usr/share/OVMF/OVMF_CODE.fd', variables: 'usr/share/OVMF/OVMF_VARS.fd' },
]

/**
 * Finds OVMF's files.
 * @throws ToolMissingError when there are none
 */
export async function findUefiFirmware(root = '/'): Promise<UefiFirmware> {
  for (const { code, variables } of KNOWN) {
    const found = { code: join(root, code), variables: join(root, variables) }
    const [one, other] = await Promise.allSettled([access(found.code), access(found.variables)])
    if (one.status === 'fulfilled' && other.status === 'fulfilled') return found
  }
  throw new ToolMissingError('UEFI firmware for virtual machines: not installed', {
    hint: 'apt-get install ovmf',
    facts: { looked: KNOWN.flatMap(({ code, variables }) => [join(root, code), join(root, variables)]) },
  })
}
