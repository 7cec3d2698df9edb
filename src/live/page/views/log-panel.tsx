import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { LEVELS, type Level } from '../model/log-store.ts'
import { count } from '../model/units.ts'
import type { Shown } from '../session.ts'
import { LogList } from './log-list.ts'

const LABELS: Record<Level, string> = {
  everything: 'Everything, also progress',
  info: 'Messages',
  warning: 'Warnings and errors',
  error: 'Errors',
}

/** The log itself: filter, pause, and the lines. */
export function LogPanel({ shown }: { shown: Shown }) {
  const { log, epoch, hello, view } = shown
  const box = useRef<HTMLDivElement>(null)
  const list = useRef<LogList>(null)
  const [level, setLevel] = useState<Level>('info')
  const [text, setText] = useState('')
  const [paused, setPaused] = useState<{ at: number; epoch: number }>()
  const [following, setFollowing] = useState(true)
  const [cut, setCut] = useState(false)
  const filter = useMemo(() => ({ level, text }), [level, text])
  // A log that has begun anew has nothing of what was paused.
  const at = paused?.epoch === epoch ? paused.at : undefined

  useLayoutEffect(() => {
    if (box.current !== null) list.current ??= new LogList(box.current, setFollowing)
    list.current?.show({ log, epoch, filter, until: at ?? view.last, coming: (hello?.last ?? 0) - view.last })
    setCut(list.current?.cut ?? false)
  })
  useEffect(() => {
    if (paused !== undefined && paused.epoch !== epoch) setPaused(undefined)
  }, [epoch, paused])

  return (
    <section class="log" aria-labelledby="log">
      <div class="bar">
        <h2 id="log">Log</h2>
        <input
          type="search"
          placeholder="Filter"
          aria-label="Show only lines that hold this text"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <select
          aria-label="Show only lines of this level and above"
          value={level}
          onChange={(event) => setLevel(event.currentTarget.value as Level)}
        >
          {LEVELS.map((each) => (
            <option key={each} value={each}>
              {LABELS[each]}
            </option>
          ))}
        </select>
        <button
          type="button"
          class="pause"
          aria-pressed={at !== undefined}
          onClick={() => setPaused(at === undefined ? { at: view.last, epoch } : undefined)}
        >
          {at === undefined ? 'Pause' : 'Go on'}
        </button>
      </div>
      {at !== undefined && (
        <p class="notice paused">
          Paused; {view.last === at ? 'nothing new yet' : `${count(view.last - at, 'new event')}`}
        </p>
      )}
      {cut && (
        <p class="aside-note">
          Older lines are not shown here. The whole log: <code>speediso log</code>
        </p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
      <div class="lines" ref={box} role="log" aria-live="off" aria-label="Lines of the log" tabIndex={0} />
      {!following && (
        <button type="button" class="newest" onClick={() => list.current?.follow()}>
          To the newest
        </button>
      )}
    </section>
  )
}
