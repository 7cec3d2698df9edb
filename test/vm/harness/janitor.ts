import { rmSync } from 'node:fs'

/**
 * Run as a program of its own: removes the folder that it was given as soon as its standard input ends, which it does
 * when whoever started it says so, or is gone in whatever way.
 */
const [folder] = process.argv.slice(2)
process.stdin.resume().on('end', () => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})
