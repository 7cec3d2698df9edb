import type { Writable } from 'node:stream'

/**
 * Says once that the output could not be written, and why; `lost` then tells that something was not shown. A reader that
 * goes away (`speediso log | head`) loses nothing that it wanted.
 */
export function watchOutput(stdout: Writable, stderr: Writable): { readonly lost: boolean } {
  const state = { lost: false }
  for (const stream of [stdout, stderr]) {
    stream.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      if (code === 'EPIPE' || state.lost) return
      state.lost = true
      stderr.write(`speediso: the output cannot be written: ${message}\n`)
    })
  }
  return state
}
