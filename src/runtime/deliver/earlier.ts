import { SECRET } from '../../mask.ts'
import { HttpError } from '../../system/http-ask.ts'
import type { Emit } from '../events.ts'
import type { Message } from './message.ts'
import type { Target } from './post.ts'
import type { Spool, Spooled } from './spool.ts'
import { plain } from './voice.ts'

/** The messages that earlier boots left in the spool. */
export interface Earlier {
  readonly waiting: number
  /** Tries each once. @throws the last error while any is left */
  attempt(): Promise<void>
}

export interface EarlierOptions {
  spool: Spool
  bootId: string | null
  send: (message: Message, to: Target) => Promise<void>
  target: Target
  emit: Emit
}

export async function openEarlier({ spool, bootId, send, target, emit }: EarlierOptions): Promise<Earlier> {
  const say = (message: string) => emit({ kind: 'log', level: 'warning', message })
  let left: Spooled[] = []
  try {
    left = await spool.earlier(bootId, (text) => say(`spool: set aside ${text}`))
  } catch (error) {
    say(`spool: ${plain(error)}`)
  }
  return {
    get waiting() {
      return left.length
    },
    async attempt() {
      let last: unknown
      for (const entry of left) {
        try {
          await send(entry.message, targetOf(entry.url, target))
          await spool.remove(entry.message.id)
          left = left.filter((other) => other !== entry)
        } catch (error) {
          // Without an answer there is none for the others either; one that is refused must not keep them back.
          if (error instanceof HttpError) throw error
          last = error
        }
      }
      if (last !== undefined) throw last
    },
  }
}

/** The secrets of the job are for its own server: what was meant for another one goes there without them. */
export function targetOf(url: string, target: Target): Target {
  const [own, present] = [URL.parse(url), new URL(target.url)]
  if (own?.origin !== present.origin) return { url, token: null, hmac_key: null }
  own.username = present.username
  own.password = present.password
  for (const [name, value] of own.searchParams) {
    if (value === SECRET) own.searchParams.set(name, present.searchParams.get(name) ?? '')
  }
  return { ...target, url: own.href }
}
