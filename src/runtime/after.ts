import { SpeedisoError } from '../errors.ts'
import type { AfterAction, Job } from '../job/schema.ts'
import type { Exec } from '../system/exec.ts'
import type { MachineRoot } from '../system/machine-root.ts'
import type { Verdict } from './verdict.ts'

/** What follows the job: a job that did not pass stays reachable unless it says otherwise; no job always stays. */
export function afterAction(job: Pick<Job, 'after' | 'after_failure'>, verdict: Verdict | null): AfterAction {
  if (verdict === null) return 'stay'
  return verdict === 'passed' ? job.after : job.after_failure
}

/** Carries it out. @throws SpeedisoError when a kexec is asked for and no kernel is loaded; the machine then stays */
export async function carryOut(action: AfterAction, deps: { exec: Exec; root: MachineRoot }): Promise<void> {
  if (action === 'stay') return
  if (action === 'kexec' && (await deps.root.readText('/sys/kernel/kexec_loaded')) !== '1') {
    throw new SpeedisoError('no kernel is loaded to kexec into; the machine stays up', {
      hint: 'a task such as lininstall loads one, or use speediso.after=reboot',
    })
  }
  await deps.exec('systemctl', [action])
}
