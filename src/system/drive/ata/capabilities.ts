import { type Finding, known } from '../../finding.ts'
import type { ReadDeps } from '../deps.ts'
import type { AtaCapabilities, Capabilities } from '../schema.ts'
import { readIdentify, readNativeSectors, readOverlaySectors, readSanitizeStatus } from './hdparm.ts'
import type { AtaIdentify } from './identify.ts'

/** What an ATA drive can do, on an ATA port or behind a SAS controller (SAT). Changes nothing on it. */
export async function readAtaCapabilities(path: string, deps: ReadDeps): Promise<Finding<Capabilities>> {
  const finding = await readIdentify(deps, path)
  if (finding.status !== 'known') return finding
  const identify = finding.value
  const { sanitize, security } = identify
  const status = sanitize.supported ? await readSanitizeStatus(deps, path) : undefined
  const sizes = await readSizes(path, identify, deps)
  return known<Capabilities>(
    {
      kind: 'ata',
      sanitize,
      sanitizeState: !sanitize.supported
        ? 'idle'
        : status?.status !== 'known'
          ? 'unknown'
          : stateOf(status.value),
      security,
      sectors: { ...sizes.sectors, logicalBytes: identify.logicalBytes },
    },
    ...finding.sources,
    ...(status?.sources ?? []),
    ...sizes.sources,
  )
}

function stateOf({
  state,
  completed,
}: {
  state: string
  completed: boolean
}): AtaCapabilities['sanitizeState'] {
  if (state === 'idle') return completed ? 'completed' : 'idle'
  return state === 'running' || state === 'frozen' || state === 'failed' ? state : 'unknown'
}

async function readSizes(
  path: string,
  { currentSectors, hides }: AtaIdentify,
  deps: ReadDeps,
): Promise<{ sectors: Omit<AtaCapabilities['sectors'], 'logicalBytes'>; sources: string[] }> {
  const native = hides.hpa || hides.amac ? await readNativeSectors(deps, path) : undefined
  const dco = hides.dco ? await readOverlaySectors(deps, path) : undefined
  const unread = [native, dco].flatMap((each) =>
    each === undefined || each.status === 'known' ? [] : [each.reason],
  )
  return {
    sectors: {
      current: currentSectors === 0 ? null : currentSectors,
      native: native?.status === 'known' ? native.value : null,
      dco: dco?.status === 'known' ? dco.value : null,
      ...(unread.length === 0 ? {} : { unread }),
    },
    sources: [...(native?.sources ?? []), ...(dco?.sources ?? [])],
  }
}
