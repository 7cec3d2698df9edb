import { lookAt } from '../../../src/root/observe/image.ts'
import { createExec } from '../../../src/system/exec.ts'

// Looks into an image, and is killed where it would run a program.
const [file = '', folder = '', program = ''] = process.argv.slice(2)
const exec = createExec()
await lookAt(file, {
  folder,
  signal: new AbortController().signal,
  exec(name, args, options) {
    if ([name, ...args].join(' ').startsWith(program)) process.kill(process.pid, 'SIGKILL')
    return exec(name, args, options)
  },
})
