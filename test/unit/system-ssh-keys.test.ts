import { readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { explainInLine } from '../../src/errors.ts'
import { createHttp } from '../../src/system/http.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { installSshKeys } from '../../src/system/ssh-keys.ts'
import { temporaryDir } from './helpers/temporary.ts'

const KEY = `ssh-ed25519 ${'A'.repeat(68)} me@example`

async function install(keys: string[], answers: [status: number, body: string][] = [], wait = 10_000) {
  const server = createServer((_, response) => {
    const [status, body] = answers.length > 1 ? (answers.shift() ?? [500, '']) : (answers[0] ?? [500, ''])
    response.writeHead(status).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const dir = temporaryDir()
  const root = createMachineRoot(dir)
  const file = join(dir, 'root/.ssh/authorized_keys')
  const { port } = server.address() as AddressInfo
  const deps = { root, signal: new AbortController().signal, http: createHttp(root), wait }
  try {
    const count = await installSshKeys(
      keys.map((key) => key.replace('PORT', String(port))),
      deps,
    )
    return { count, text: readFileSync(file, 'utf8'), mode: statSync(file).mode & 0o777 }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('keys as they are given', async () => {
  const { count, text, mode } = await install([KEY, `${KEY}2`])
  assert.is(count, 2)
  assert.is(text, `${KEY}\n${KEY}2\n`)
  assert.is(mode, 0o600)
})

test('keys of a URL, once the server gives them', async () => {
  const { count, text } = await install(
    ['http://127.0.0.1:PORT/keys'],
    [
      [503, ''],
      [200, `# ours\n${KEY}\n\n`],
    ],
  )
  assert.is(count, 1)
  assert.is(text, `${KEY}\n`)
})

test('a web page is no key, and a server that gives none has a clear end', async () => {
  await install(['http://127.0.0.1:PORT/keys'], [[200, '<html>Log in</html>']], 500).then(
    () => assert.unreachable(),
    (error) => assert.match(explainInLine(error), 'no keys from that URL; because: the answer holds no key'),
  )
})

test.run()
