import { type CommandEnd, commandEvidence, endedWell, runToEnd, whyNot } from '../command.ts'
import type { EraseDeps, EraseTarget } from '../deps.ts'
import { type Ending, outcomeOf } from '../outcome.ts'
import type { FirmwareMethod, FirmwareOutcome, NvmeCapabilities } from '../schema.ts'
import { type Look, type Seen, watch } from '../watch.ts'
import { type IdentifyNamespace, identifyNamespace } from './cli.ts'
import { commandOf, timeoutOf } from './format-command.ts'
import { type FormatTarget, targetsOf } from './format-targets.ts'
import { beganNothing } from './status.ts'

export type NvmeFormatMethod = Extract<FirmwareMethod, `nvme-format-${string}`>

/**
 * Format NVM with a secure erase. The command lasts as long as the format; its success is the command's completion, and a
 * namespace that afterwards is there with its LBA format and has nothing left to format. No drive states more than that.
 */
export async function formatNvme(
  method: NvmeFormatMethod,
  target: EraseTarget,
  capabilities: NvmeCapabilities,
  deps: EraseDeps,
): Promise<FirmwareOutcome> {
  const plan = targetsOf(target, capabilities)
  if ('refused' in plan) return { state: 'rejected', reason: plan.refused, evidence: {} }
  const evidence: Record<string, unknown> = plan.left.length === 0 ? {} : { otherNamespaces: plan.left }
  for (const { nsid } of plan.attach) {
    const args = ['attach-ns', capabilities.controller, `--namespace-id=${nsid}`]
    const end = await runToEnd(deps.exec, 'nvme', args, { signal: deps.signal, timeout: 120_000 })
    evidence[`attach ${nsid}`] = commandEvidence(end)
    if (!endedWell(end)) {
      const reason = `namespace ${nsid} is attached to no controller and could not be attached: ${whyNot(end)}`
      return { state: 'rejected', reason, evidence }
    }
    deps.log(
      'info',
      `namespace ${nsid} was attached to no controller; it is attached now, to be erased with the others`,
    )
  }
  const done: number[] = []
  for (const each of plan.format) {
    const outcome = await formatOne(method, each, capabilities, deps)
    evidence[`namespace ${each.nsid}`] = outcome.evidence
    if (outcome.state === 'done') {
      done.push(each.nsid)
      continue
    }
    const reason = `namespace ${each.nsid}: ${outcome.reason}`
    if (done.length === 0) return { state: outcome.state, reason, evidence }
    // With some namespaces erased the drive is no longer as it was.
    const state = outcome.state === 'rejected' ? 'failed' : outcome.state
    return { state, reason: `${reason}; erased before: ${done.join(', ')}`, evidence }
  }
  return { state: 'done', evidence }
}

async function formatOne(
  method: NvmeFormatMethod,
  target: FormatTarget,
  capabilities: NvmeCapabilities,
  deps: EraseDeps,
): Promise<FirmwareOutcome> {
  const timeout = timeoutOf(capabilities, target)
  const args = commandOf(method, target, capabilities, timeout)
  deps.progress(null, `format of namespace ${target.nsid}`)
  // The driver gives up first, so that the drive's answer is not lost.
  const command = await runToEnd(deps.exec, 'nvme', args, { signal: deps.signal, timeout: timeout + 60_000 })
  const start = commandEvidence(command)
  if (command.ended === 'exit' && !endedWell(command) && beganNothing(command.stderr)) {
    return { state: 'rejected', reason: whyNot(command), evidence: { start } }
  }
  if (command.ended === 'missing') return { state: 'rejected', reason: whyNot(command), evidence: { start } }
  const end = await watch((seen) => lookAt(target, capabilities, { command, seen }, deps), deps)
  return outcomeOf(end, { start })
}

async function lookAt(
  { nsid, lbaFormat }: FormatTarget,
  { controller }: NvmeCapabilities,
  { command, seen }: { command: CommandEnd; seen: Readonly<Seen> },
  deps: EraseDeps,
): Promise<Look<Ending>> {
  const finding = await identifyNamespace(deps, controller, nsid, false)
  if (finding.status !== 'known') return { at: 'unreadable', says: finding.reason }
  const now = finding.value
  const says = describe(now)
  if (now.formatRemaining !== null && now.formatRemaining > 0) {
    return { at: 'running', progress: now.formatRemaining, percent: 100 - now.formatRemaining, says }
  }
  if (now.sizeBytes === null || now.lbaFormat !== lbaFormat) {
    const reason = `the namespace is not what it was: ${says}, LBA format ${lbaFormat} was asked for`
    return { at: 'settling', says, end: { state: 'unknown', reason } }
  }
  if (completed(command)) return { at: 'ended', says, end: { state: 'done' } }
  const why = endedWell(command) ? 'nvme does not say that it has formatted anything' : whyNot(command)
  const ran = seen.running ? 'it was seen at it' : 'nothing shows whether it began'
  return { at: 'ended', says, end: { state: 'unknown', reason: `${why}; ${ran}` } }
}

/** nvme-cli 2.13 says so for both ways of sending the command; exit code 0 alone may come from a help text. */
function completed(command: CommandEnd): boolean {
  const said = /^Success formatting namespace:[0-9a-f]+$/m.test(command.stdout)
  const passed = /^Admin Command .*is Success and result: 0x[0-9a-f]+/m.test(command.stdout + command.stderr)
  return endedWell(command) && (said || passed)
}

function describe({ sizeBytes, lbaFormat, formatRemaining }: IdentifyNamespace): string {
  const left = formatRemaining === null ? '' : `, ${formatRemaining} % of a format left`
  return `${sizeBytes ?? 'no'} bytes, LBA format ${lbaFormat}${left}`
}
