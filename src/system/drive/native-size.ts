import { explainInLine, SpeedisoError } from '../../errors.ts'
import type { Clock } from '../clock.ts'
import { knownValue } from '../finding.ts'
import { readIdentify, readNativeSectors, readOverlaySectors } from './ata/hdparm.ts'
import { commandEvidence, endedWell, runToEnd, whyNot } from './command.ts'
import type { DriveLogLevel, ReadDeps } from './deps.ts'
import { askKernelForSize, kernelSectors } from './kernel-size.ts'

export interface NativeSizeDeps extends ReadDeps {
  clock: Clock
  log(level: DriveLogLevel, message: string): void
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

export interface NativeSizeOutcome {
  /** `restored`: drive and kernel have all sectors; `unchanged`: at least one of them has not, see the reason. */
  state: 'restored' | 'unchanged'
  reason?: string
  evidence: Readonly<Record<string, unknown>>
}

/**
 * Gives an ATA drive its own size back, for good: a host protected area or an accessible maximum address is set to the
 * native one, a configuration overlay is removed. Sizes are in logical sectors; null: not known, nothing to undo there.
 * Judged by what the drive states afterwards, and by the size that the kernel then has.
 */
export async function restoreNativeSize(
  disk: { name: string; path: string },
  { native, dco }: { native: number | null; dco: number | null },
  deps: NativeSizeDeps,
): Promise<NativeSizeOutcome> {
  const evidence: Record<string, unknown> = {}
  const before = await readIdentify(deps, disk.path)
  if (before.status !== 'known') return { state: 'unchanged', reason: before.reason, evidence }
  const { currentSectors: from, hides } = before.value
  evidence.before = { sectors: from, native, dco }
  const wanted = Math.max(native ?? 0, dco ?? 0, from)
  const overlay = dco !== null && dco > Math.max(native ?? 0, from)
  if (wanted === from) return { state: 'unchanged', reason: 'nothing is hidden', evidence }

  // An overlay cannot be removed while a protected area is set (ACS-2, DEVICE CONFIGURATION RESTORE).
  const problems: string[] = []
  if (native !== null && native > from) problems.push(...(await setMaximum(native)))
  if (overlay) problems.push(...(await restoreOverlay()))
  // What the overlay has hidden may now lie beyond the maximum address.
  const maximum = hides.hpa || hides.amac ? knownValue(await readNativeSectors(deps, disk.path)) : undefined
  const between = knownValue(await readIdentify(deps, disk.path))?.currentSectors
  if (overlay && maximum !== undefined && between !== undefined && maximum > between) {
    problems.push(...(await setMaximum(maximum)))
  }
  return conclude()

  async function setMaximum(sectors: number): Promise<string[]> {
    const args = ['--yes-i-know-what-i-am-doing', `-Np${sectors}`, disk.path]
    return run(`maximum ${sectors}`, args)
  }

  async function restoreOverlay(): Promise<string[]> {
    return run('overlay', ['--yes-i-know-what-i-am-doing', '--dco-restore', disk.path])
  }

  async function run(what: string, args: string[]): Promise<string[]> {
    const end = await runToEnd(deps.exec, 'hdparm', args, { signal: deps.signal, timeout: 120_000 })
    evidence[what] = commandEvidence(end)
    // It ends with 0 after some refusals, but then says so.
    if (endedWell(end) && !/ failed: /.test(end.stderr)) return []
    return [whyNot(end)]
  }

  async function conclude(): Promise<NativeSizeOutcome> {
    const after = await readIdentify(deps, disk.path)
    if (after.status !== 'known') {
      return { state: 'unchanged', reason: `the drive does not answer afterwards: ${after.reason}`, evidence }
    }
    const to = after.value.currentSectors
    const nowNative = maximum ?? null
    const nowDco = after.value.hides.dco ? knownValue(await readOverlaySectors(deps, disk.path)) : undefined
    evidence.after = { sectors: to, native: nowNative, dco: nowDco ?? null }
    if (to < Math.max(wanted, nowNative ?? 0, nowDco ?? 0)) {
      const why = problems.length === 0 ? 'the drive took the commands and did nothing' : problems.join('; ')
      const cycle = overlay || hides.amac ? '; some drives need a power cycle first' : ''
      return { state: 'unchanged', reason: `still ${to} of ${wanted} sectors: ${why}${cycle}`, evidence }
    }
    deps.log('info', `the drive has ${to} sectors, it had ${from}`)
    return seenByKernel(to, after.value.logicalBytes)
  }

  async function seenByKernel(sectors: number, logicalBytes: number): Promise<NativeSizeOutcome> {
    // sysfs counts in 512 bytes whatever the drive's sectors are.
    const units = sectors * (logicalBytes / 512)
    try {
      evidence.kernel = await askKernelForSize(disk, units, overlay, deps)
    } catch (error) {
      if (!(error instanceof SpeedisoError)) throw error
      evidence.kernel = explainInLine(error)
    }
    const seen = await kernelSectors(disk.name, deps.root)
    evidence.kernelSectors = seen ?? null
    if (seen === units) return { state: 'restored', evidence }
    const reason = `the drive has ${sectors} sectors now, but the kernel still works with ${seen ?? 'no'} units of 512 bytes: restart the machine`
    return { state: 'unchanged', reason, evidence }
  }
}
