import type { Link } from '../connection.ts'
import { duration } from '../model/units.ts'
import type { State } from '../model/view.ts'
import type { Shown } from '../session.ts'
import { Icon } from './badge.tsx'
import { WORDS } from './words.ts'

const ICONS: Record<Link['name'], State | 'live'> = {
  connecting: 'waiting',
  live: 'live',
  reconnecting: 'waiting',
  lost: 'failed',
  'wrong-token': 'unknown',
}

/** Seconds without an event after which a running job's silence is worth a word. */
const QUIET = 10

/** Which host this is, and how it stands with the connection; always in sight. */
export function Head({ shown, asleep, onHurry }: { shown: Shown; asleep: boolean; onHurry(): void }) {
  const { hello, link } = shown
  const now = performance.now()
  const waits = 'why' in link
  return (
    <header>
      <div class="who">
        <span class="product">speediso</span>
        {hello !== undefined && <h1>{hello.host}</h1>}
        {hello !== undefined && (
          <span class="versions">
            {hello.speediso.version} ({hello.speediso.commit})
            {hello.image !== null && ` on image ${hello.image.version}`}
          </span>
        )}
      </div>
      {!asleep && (
        <div class="link" data-link={link.name}>
          <span class="state" role="status">
            <Icon kind={ICONS[link.name]} />
            {WORDS[link.name]}
          </span>
          <span class="detail">{waits ? waiting(link, now) : liveDetail(shown, now)}</span>
          {waits && link.next !== undefined && (
            <button type="button" onClick={onHurry}>
              Try now
            </button>
          )}
        </div>
      )}
    </header>
  )
}

function waiting(link: Extract<Link, { why: string }>, now: number): string {
  if (link.next === undefined) return `${link.why}; trying`
  return `${link.why}; next try in ${Math.max(1, Math.ceil((link.next - now) / 1000))} s`
}

function liveDetail({ link, hello, view, heard }: Shown, now: number): string {
  if (link.name !== 'live' || hello === undefined) return ''
  if (view.last < hello.last)
    return `catching up: event ${view.last.toLocaleString('en')} of ${hello.last.toLocaleString('en')}`
  const quiet = (now - heard) / 1000
  return view.job.state === 'running' && quiet >= QUIET ? `nothing new for ${duration(quiet)}` : ''
}
