/** Ports of the server process. */
export interface ServerAddress {
  live: number
  /** Sends the event file through a bare socket. */
  plain: number
  /** Sends messages through a bare websocket. */
  bare: number
}

/** What the server process is asked to say. */
export interface Load {
  /** Events a second. */
  rate: number
  seconds: number
  /** Behind the time at which it is said. */
  text: string
  to: 'log' | 'bare'
}

export interface LoadResult {
  said: number
  /** Number of the last event. */
  last: number
  /** Processor cores that the server process took, the making of the events included. */
  cores: number
  /** Events a second that were really said. */
  rate: number
  /** Bytes. */
  rssGrowth: number
  /** Bytes, at its highest. */
  rss: number
}

/** What a process of viewers is asked to do. */
export type Viewing =
  | { do: 'count'; port: number; viewers: number; until?: number }
  | { do: 'fetch'; port: number }
  | { do: 'time'; port: number; bare: boolean }

/** What it tells: that it is there, and in the end what it saw. */
export type Viewed =
  | { ready: true }
  | { events: number; bytes: number; seconds: number }
  | { milliseconds: number[] }
