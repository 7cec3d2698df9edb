import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TimeoutError, ToolMissingError } from '../../src/errors.ts'
import { machineError } from '../vm/harness/errors.ts'
import { findUefiFirmware } from '../vm/harness/firmware.ts'
import type { QemuEnd, QemuProcess } from '../vm/harness/qemu-process.ts'
import { createQmp, parseForwards, type QmpEvent } from '../vm/harness/qmp.ts'
import { sshArguments, waitForSshBanner } from '../vm/harness/ssh.ts'
import { diedSilently, supervise } from '../vm/harness/supervise.ts'
import { temporaryDir } from './helpers/temporary.ts'

const message = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: Error) => error.message,
  )

test('QMP: answers by id, events, refusals, and the end', async () => {
  const stream = new PassThrough()
  const events: QmpEvent[] = []
  const written: string[] = []
  const qmp = createQmp(
    Object.assign(stream, { write: (text: string) => written.push(text) > 0 }) as unknown as PassThrough,
    (event) => events.push(event),
  )
  const answers = [
    qmp.execute('query-status'),
    message(qmp.execute('nonsense', { a: 1 })),
    message(qmp.execute('quit')),
  ]
  assert.equal(
    written.map((text) => JSON.parse(text)),
    [
      { execute: 'query-status', id: 1 },
      { execute: 'nonsense', id: 2, arguments: { a: 1 } },
      { execute: 'quit', id: 3 },
    ],
  )
  const said = [
    { QMP: { version: {}, capabilities: [] } },
    { id: 2, error: { class: 'CommandNotFound', desc: 'no such command' } },
    { event: 'SHUTDOWN', timestamp: {}, data: { guest: true } },
    { event: 'RESUME', timestamp: {} },
    { id: 1, return: { status: 'running' } },
  ]
  const text = said.map((line) => JSON.stringify(line)).join('\r\n')
  for (const part of [text.slice(0, 90), `${text.slice(90)}\r\n`]) stream.emit('data', part)
  stream.emit('close')
  assert.equal(await Promise.all(answers), [
    { status: 'running' },
    'nonsense: no such command',
    'quit: QEMU is gone',
  ])
  assert.equal(events, [
    { event: 'SHUTDOWN', data: { guest: true } },
    { event: 'RESUME', data: {} },
  ])
  assert.is(await message(qmp.execute('cont')), 'cont: QEMU is gone')
})

test('ports of 127.0.0.1, as the monitor tells them', () => {
  const usernet = `Hub -1 (net0):\r
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r
  TCP[HOST_FORWARD]  10       127.0.0.1 33875       10.0.2.15    22     0     0\r
  TCP[ESTABLISHED]   12       127.0.0.1 39000       10.0.2.15    23     0     0\r
  TCP[HOST_FORWARD]   9       127.0.0.1 39539       10.0.2.15  7000     0     0\r
`
  assert.equal(
    [...parseForwards(usernet)],
    [
      [22, 33_875],
      [7000, 39_539],
    ],
  )
})

const silent: [name: string, end: Partial<QemuEnd>, stderr: string, again: boolean][] = [
  ['an exit code in the first seconds', { exitCode: 1 }, '', true],
  ['a crash in the first seconds', { signal: 'SIGSEGV' }, '', true],
  ['with a message', { exitCode: 1 }, 'qemu: no such file', false],
  ['later', { exitCode: 1, ran: 20_000 }, '', false],
  ['killed', { signal: 'SIGKILL' }, '', false],
]
for (const [name, end, stderr, again] of silent) {
  test(`an end that is worth one more try: ${name}: ${again}`, () => {
    assert.is(diedSilently({ exitCode: null, signal: null, ran: 4800, ...end }, stderr), again)
  })
}

/** A QEMU that ends as told. */
function fake(end: Promise<QemuEnd>, onKill = () => {}): QemuProcess {
  const qmp = { execute: async () => null, end() {} }
  return { pid: 1, qmp, stderr: () => '', ended: end, write() {}, kill: onKill }
}
const bad: QemuEnd = { exitCode: 1, signal: null, ran: 10 }

test('a silent end is followed by one restart, not two', async () => {
  let launched = 0
  let told = 0
  const supervisor = supervise({
    launch: async () => {
      launched++
      return fake(Promise.resolve(bad))
    },
    begin: async () => {},
    guestEnd: () => undefined,
    onRestart: () => told++,
    limit: 5000,
  })
  assert.equal(await supervisor.ended, { how: 'died', exitCode: 1, signal: null })
  assert.equal([launched, told], [2, 1])
})

test('the end of the guest is no reason to start again', async () => {
  const supervisor = supervise({
    launch: async () => fake(Promise.resolve({ ...bad, exitCode: 0 })),
    begin: async () => {},
    guestEnd: () => 'guest-shutdown',
    onRestart: () => assert.unreachable(),
    limit: 5000,
  })
  assert.equal(await supervisor.ended, { how: 'guest', reason: 'guest-shutdown', exitCode: 0, signal: null })
})

test('at its limit it is killed', async () => {
  const killed = Promise.withResolvers<QemuEnd>()
  const supervisor = supervise({
    launch: async () =>
      fake(killed.promise, () => killed.resolve({ exitCode: null, signal: 'SIGKILL', ran: 30 })),
    begin: async () => {},
    guestEnd: () => undefined,
    onRestart: () => assert.unreachable(),
    limit: 30,
  })
  assert.equal(await supervisor.ended, { how: 'limit', exitCode: null, signal: 'SIGKILL' })
})

test('one that cannot be launched has ended, and never started', async () => {
  const supervisor = supervise({
    launch: () => Promise.reject(new Error('no memory')),
    begin: async () => {},
    guestEnd: () => undefined,
    onRestart: () => assert.unreachable(),
    limit: 5000,
  })
  assert.is((await supervisor.ended).reason, 'Error: no memory')
  assert.is(await message(supervisor.started), 'no memory')
})

test('an error of a machine shows its last words', () => {
  const serial = [...Array.from({ length: 60 }, (_, index) => `line ${index}`), '']
  const { message: text, facts } = machineError('no end', {
    machine: 'm',
    serial,
    logFile: '/l',
    stderr: 'oh\n',
  })
  assert.match(
    text,
    /^machine m: no end\n {2}QEMU said:\n {2}oh\n {2}last of its serial console \(whole: \/l\):\n/,
  )
  assert.match(text, /\n {4}line 20\n/)
  assert.not.match(text, /line 19\n/)
  assert.match(text, /line 59$/)
  assert.is(facts.logFile, '/l')
})

test('UEFI firmware: the 4 MiB build first, then the other, else a hint', async () => {
  const root = temporaryDir()
  const error = await findUefiFirmware(root).catch((e: unknown) => e)
  assert.instance(error, ToolMissingError)
  assert.is((error as ToolMissingError).hint, 'apt-get install ovmf')
  const dir = join(root, 'usr/share/OVMF')
  mkdirSync(dir, { recursive: true })
  for (const name of ['OVMF_CODE.fd', 'OVMF_VARS.fd', 'OVMF_CODE_4M.fd']) writeFileSync(join(dir, name), '')
  assert.is((await findUefiFirmware(root)).code, join(dir, 'OVMF_CODE.fd'))
  writeFileSync(join(dir, 'OVMF_VARS_4M.fd'), '')
  assert.is((await findUefiFirmware(root)).code, join(dir, 'OVMF_CODE_4M.fd'))
})

test('ssh gets the words of a command as one line that splits into them again', () => {
  const args = sshArguments({ port: 2222, key: { file: '/k', publicKey: '' } }, ['cat', 'a b', "it's"])
  assert.equal(args.slice(0, 6), ['-F', '/dev/null', '-p', '2222', '-i', '/k'])
  assert.equal(args.slice(-3), ['root@127.0.0.1', '--', "cat 'a b' 'it'\\''s'"])
})

test('the banner of an SSH server is awaited through connections that are dropped', async () => {
  let connections = 0
  const server = createServer((socket) => {
    if (++connections < 3) socket.destroy()
    else socket.end('SSH-2.0-OpenSSH_10\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  try {
    assert.is(await waitForSshBanner(port, { limit: 5000 }), 'SSH-2.0-OpenSSH_10')
    assert.is(connections, 3)
  } finally {
    server.close()
  }
  const late = await waitForSshBanner(port, { limit: 10 }).catch((e: unknown) => e)
  assert.instance(late, TimeoutError)
})

test.run()
