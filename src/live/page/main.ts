import { h, render } from 'preact'
import { createSession } from './session.ts'
import { keepToken, takeToken } from './token.ts'
import { App } from './views/app.tsx'
import { showInTab } from './views/tab.ts'

/** While a replay comes in, painting this often is enough, in milliseconds. */
const REPLAY_PAINT = 100
/** Until the next paint at least so many times as long as the last one took: most of the time is for events. */
const PAINT_SHARE = 5

const root = document.getElementById('page')
if (root === null) throw new Error('the document has no place for the page')
root.replaceChildren()

let asked = false
let painted = 0
let cost = 0
const paint = (now: number) => {
  const { shown } = session
  if (now - painted < Math.max(shown.behind ? REPLAY_PAINT : 0, PAINT_SHARE * cost)) {
    requestAnimationFrame(paint)
    return
  }
  asked = false
  const from = performance.now()
  if (shown.link.name === 'wrong-token') keepToken(undefined)
  showInTab(shown)
  render(h(App, { shown, token, session, onToken: start }), root)
  painted = performance.now()
  cost = painted - from
}
const changed = () => {
  if (asked) return
  asked = true
  requestAnimationFrame(paint)
}

// Unlike a timer it is not slowed down while the tab is in the background.
const channel = new MessageChannel()
const acts: (() => void)[] = []
channel.port1.onmessage = () => acts.shift()?.()
const later = (act: () => void) => {
  acts.push(act)
  channel.port2.postMessage(null)
}

const session = createSession(
  location.origin,
  { WebSocket, fetch: fetch.bind(window), random: Math.random, later },
  changed,
)
let token = takeToken()

function start(given: string): void {
  token = given
  keepToken(given)
  session.start(given)
}

if (token === undefined) changed()
else start(token)

addEventListener('hashchange', () => {
  const given = takeToken()
  if (given !== undefined && given !== token) start(given)
})
addEventListener('online', () => session.hurry())
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') session.hurry()
})
// What the page says of time goes on without events; in the background nothing is painted but the tab.
setInterval(() => (document.hidden ? showInTab(session.shown) : changed()), 1000)
