import type { CliContext } from '../context.ts'
import type { Session } from './session.ts'

/** Reboots this host into what was decided, or says that it takes a reboot. */
export async function rebootWhenAsked(asked: boolean, session: Session, ctx: CliContext): Promise<void> {
  if (!session.reboots) {
    session.say('info', 'a host with this hostpart would boot it next; nothing is rebooted here')
    return
  }
  if (!asked) {
    session.say('info', 'it runs after the next reboot')
    return
  }
  session.say('info', 'rebooting')
  await ctx.exec('systemctl', ['reboot'])
}
