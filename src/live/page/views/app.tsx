import type { Session, Shown } from '../session.ts'
import { Head } from './head.tsx'
import { JobPanel } from './job-panel.tsx'
import { LogPanel } from './log-panel.tsx'
import { ReportPanel } from './report-panel.tsx'
import { TaskPanel } from './task-panel.tsx'
import { TokenForm } from './token-form.tsx'

export interface AppProps {
  shown: Shown
  /** Undefined: none was given yet. */
  token: string | undefined
  session: Session
  onToken(token: string): void
}

export function App({ shown, token, session, onToken }: AppProps) {
  const { link, hello, view, notice } = shown
  const asks = token === undefined || link.name === 'wrong-token'
  return (
    <>
      <Head shown={shown} asleep={token === undefined} onHurry={session.hurry} />
      <main>
        {asks && (
          <TokenForm wrong={link.name === 'wrong-token'} seen={hello !== undefined} onToken={onToken} />
        )}
        {hello !== undefined && (
          <>
            {notice !== undefined && (
              <p class="notice" role="alert">
                {notice}{' '}
                <button type="button" onClick={session.forgetNotice}>
                  Understood
                </button>
              </p>
            )}
            <JobPanel shown={shown} />
            <div class="columns">
              <div class="column">
                <TaskPanel tasks={view.tasks} />
                <ReportPanel state={shown.report} onRetry={session.askForReport} />
              </div>
              <LogPanel shown={shown} />
            </div>
          </>
        )}
      </main>
    </>
  )
}
