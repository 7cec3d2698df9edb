import type { ImageNames } from '../../root/names.ts'
import type { Action, Decision } from '../../root/schema.ts'
import type { Session } from './session.ts'

/** What was decided, for people; with `plan`, what would be. */
export function describeDecision(
  { outcome, actions, boot }: Decision,
  { names, counts }: Pick<Session, 'names' | 'counts'>,
  plan: boolean,
): string[] {
  const told = actions.filter((action) => counts() || action.do !== 'loader')
  const lines = told.map((action) => `  ${describeAction(action, names)}`)
  const head = plan ? 'would be done, in this order:' : 'done, in this order:'
  const then =
    boot === undefined
      ? []
      : boot.how === 'mount'
        ? [`a boot would go on into ${names[boot.role]}`]
        : [`a boot would go on into ${names[boot.role]} by its own kernel (kexec, else reboot)`]
  return [`outcome: ${outcome}`, ...(lines.length === 0 ? ['nothing to do'] : [head, ...lines]), ...then]
}

function describeAction(action: Action, names: ImageNames): string {
  switch (action.do) {
    case 'remove':
      return `remove ${names[action.what]}`
    case 'ask':
      return `make ${names.flag}`
    case 'keep':
      return `${names.current} is also ${names[action.as]}`
    case 'move':
      return `${names[action.from]} becomes ${names[action.to]}`
    case 'record':
      return action.record.trial === undefined
        ? 'remember: nothing is on trial'
        : `remember: on trial, ${action.record.trial.boots} of ${action.record.trial.limit} boots begun`
    case 'loader':
      return action.trial === undefined ? 'GRUB counts nothing' : `GRUB counts ${action.trial.tries} boots`
    case 'reason':
      return `write ${names.reason}: ${action.text}`
    case 'settle':
      return 'bring it all to the disk, as GRUB reads it'
  }
}
