import { SpeedisoError } from '../errors.ts'
import type { AfterAction, Job } from '../job/schema.ts'
import type { Exec } from '../system/exec.ts'
import type { MachineRoot } from '../system/machine-root.ts'
import type { Verdict } from './verdict.ts'

/**
 * What follows the job: one that did not pass stays reachable unless it says otherwise. Nothing asked, or asked wrongly:
 * always stays, for a typo must not become a reboot loop.
 */
export function afterAction(
  { job, problems }: { job: Pick<Job, 'after' | 'after_failure'>; problems: readonly unknown[] },
  verdict: Verdict | null,
): AfterAction {
  if (verdict === null || problems.length > 0) return 'stay'
  return verdict === 'passed' ? job.after : job.after_failure
}

/** @throws SpeedisoError when a kexec is asked for and no kernel is loaded; the machine then stays */
export async function checkAction(action: AfterAction, root: MachineRoot): Promise<void> {
  if (action !== 'kexec' || (await root.readText('/sys/kernel/kexec_loaded')) === '1') return
  throw new SpeedisoError('no kernel is loaded to kexec into; the machine stays up', {
    hint: 'a task such as lininstall loads one, or use speediso.after=reboot',
  })
}

/** Carries it out. @throws CommandError when it cannot */
export async function carryOut(action: AfterAction, exec: Exec): Promise<void> {
  if (action !== 'stay') await exec('systemctl', [action])
}
