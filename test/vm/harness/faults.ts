/** How a path misbehaves. */
export type Fault = (
  | /** Announces the whole length, then drops the connection after so many bytes of the answer. */
  { kind: 'cut'; after: number }
  /** Sends the byte at this place of the file with all bits turned. */
  | { kind: 'corrupt'; at: number }
  | { kind: 'status'; status: 404 | 500 | 503 }
  /** Closes the connection without an answer. */
  | { kind: 'drop' }
  /** Waits so many milliseconds before it answers. */
  | { kind: 'delay'; milliseconds: number }
) & {
  /** Only for the first so many requests; for all when absent. */
  times?: number
}

/** The faults of every path of a server. */
export interface Faults {
  set(path: string, faults: readonly Fault[]): void
  /** The faults that the next request of this path gets. */
  take(path: string): Fault[]
}

export function createFaults(): Faults {
  const byPath = new Map<string, { fault: Fault; left: number }[]>()
  return {
    set(path, faults) {
      byPath.set(
        path,
        faults.map((fault) => ({ fault, left: fault.times ?? Number.POSITIVE_INFINITY })),
      )
    },
    take(path) {
      const due = (byPath.get(path) ?? []).filter(({ left }) => left > 0)
      for (const entry of due) entry.left--
      return due.map(({ fault }) => fault)
    },
  }
}

/** The fault of one kind among several. */
export function find<K extends Fault['kind']>(
  faults: readonly Fault[],
  kind: K,
): Extract<Fault, { kind: K }> | undefined {
  return faults.find((fault): fault is Extract<Fault, { kind: K }> => fault.kind === kind)
}

/** Turns the bits of one byte of a stream that starts at `offset` of the file. */
export async function* corrupted(
  source: AsyncIterable<Uint8Array>,
  offset: number,
  at: number,
): AsyncGenerator<Uint8Array> {
  let place = offset
  for await (const chunk of source) {
    const index = at - place
    const byte = chunk[index]
    if (byte === undefined) yield chunk
    else {
      const changed = Uint8Array.from(chunk)
      changed[index] = byte ^ 0xff
      yield changed
    }
    place += chunk.length
  }
}

/** The first `length` bytes of a stream. */
export async function* first(source: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array> {
  let left = length
  if (left <= 0) return
  for await (const chunk of source) {
    yield chunk.subarray(0, left)
    left -= chunk.length
    if (left <= 0) return
  }
}
