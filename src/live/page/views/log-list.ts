import type { Filter, Line, LogStore } from '../model/log-store.ts'

/** Lines in the document; while somebody reads older ones it may be twice as many. */
const LIMIT = 2000
/** As many while more is known to come than would stay: nobody reads that fast, and to lay them out takes time. */
const FLOOD_LIMIT = 200

/** What is to be seen of the log. */
export interface Wanted {
  log: LogStore
  /** Of the log: another one, another log. */
  epoch: number
  filter: Filter
  /** No event after this one. */
  until: number
  /** Events that are known to come. */
  coming: number
}

/**
 * The lines of the log in a box that scrolls. It writes the document itself: thousands of lines would keep a renderer
 * of views busy in every frame.
 */
export class LogList {
  readonly #box: HTMLElement
  readonly #followed: (following: boolean) => void
  #shown: (Pick<Wanted, 'epoch' | 'filter'> & { limit: number }) | undefined
  #last = 0
  #top = 0
  #following = true
  /** Older lines that match are not in the document. */
  cut = false

  /** @param followed told when it begins or ceases to follow the end */
  constructor(box: HTMLElement, followed: (following: boolean) => void) {
    this.#box = box
    this.#followed = followed
    box.addEventListener('scroll', () => this.#scrolled(), { passive: true })
  }

  show({ log, epoch, filter, until, coming }: Wanted): void {
    const limit = coming > LIMIT ? FLOOD_LIMIT : LIMIT
    const { epoch: oldEpoch, filter: oldFilter, limit: oldLimit } = this.#shown ?? {}
    const same = oldEpoch === epoch && oldFilter === filter && oldLimit === limit && this.#last <= until
    if (same && this.#last === until) return
    const lines = log.lines(filter, limit, { after: same ? this.#last : 0, until })
    if (lines.length === limit || !same) this.#box.replaceChildren(...lines.map(lineElement))
    else this.#box.append(...lines.map(lineElement))
    if (!same) this.cut = log.dropped(filter.level) > 0
    if (lines.length === limit) this.cut = true
    this.#shown = { epoch, filter, limit }
    this.#last = until
    this.#trim()
    if (this.#following) this.#box.scrollTop = this.#box.scrollHeight
    this.#top = this.#box.scrollTop
  }

  follow(): void {
    this.#box.scrollTop = this.#box.scrollHeight
    this.#follow(true)
  }

  /** What is being read stays where it is. */
  #trim(): void {
    const box = this.#box
    const over = box.childElementCount - (this.#following ? LIMIT : 2 * LIMIT)
    if (over <= 0) return
    // What has to be laid out for this is only asked for when somebody needs it.
    const before = this.#following ? 0 : box.scrollHeight
    const range = document.createRange()
    range.setStart(box, 0)
    range.setEnd(box, box.childElementCount - LIMIT)
    range.deleteContents()
    this.cut = true
    if (!this.#following) box.scrollTop -= before - box.scrollHeight
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#box
    // Only a reader goes up: lines that come leave the place where it is.
    if (scrollHeight - scrollTop - clientHeight < 24) this.#follow(true)
    else if (scrollTop < this.#top - 1) this.#follow(false)
    this.#top = scrollTop
  }

  #follow(following: boolean): void {
    if (this.#following === following) return
    this.#following = following
    this.#followed(following)
  }
}

function lineElement({ time, level, text }: Line): HTMLElement {
  const line = document.createElement('div')
  line.className = 'line'
  line.dataset.level = level
  const clock = document.createElement('time')
  clock.textContent = `${time} `
  const words = document.createElement('span')
  words.textContent = text
  line.append(clock, words)
  return line
}
