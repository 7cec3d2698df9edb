import { Writable } from 'node:stream'

/** Standard output and error that keep what they are given, as text. */
export function outputs() {
  const out = { stdout: '', stderr: '' }
  const into = (name: keyof typeof out) =>
    new Writable({
      write(chunk, _encoding, done) {
        out[name] += chunk
        done()
      },
    })
  return { out, stdout: into('stdout'), stderr: into('stderr') }
}
