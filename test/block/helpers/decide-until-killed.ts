import { decideAndDo } from './root-host.ts'

// A program for tests: `node decide-until-killed.ts HOSTPART FOLDER NUMBER` does what a boot does with a hostpart, and dies
// of SIGKILL just before its call of that number; says what the calls were.
const [hostpart = '', folder = '', number] = process.argv.slice(2)
let calls = 0
await decideAndDo(hostpart, {
  folder,
  onAct(act) {
    if (calls === Number(number)) process.kill(process.pid, 'SIGKILL')
    calls += 1
    process.stdout.write(`${act.act}\n`)
  },
})
