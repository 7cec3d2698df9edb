import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { TrustKey } from '../../src/job/trust.ts'
import { readJobSources } from '../../src/runtime/effective-job.ts'
import { readImageDefaults, readTrustKeys } from '../../src/runtime/job-defaults.ts'
import { fetchJobFile } from '../../src/runtime/job-file.ts'
import { createHttp } from '../../src/system/http.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { temporaryDir } from './helpers/temporary.ts'

const http = createHttp(createMachineRoot('/nowhere'))
const values = { mac: '52:54:00:12:34:56', uuid: 'U-1', serial: 'S/1', hostname: undefined }
const GOOD = 'tasks: inventory\nafter: poweroff\n'

const said: string[] = []
test.before.each(() => {
  said.length = 0
})

async function fetchFrom(
  handle: RequestListener,
  { path = '/job.yaml', wait = 60_000, sha256 = null as string | null, keys = [] as TrustKey[] } = {},
) {
  const server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  try {
    const source = await fetchJobFile(
      { url: `http://127.0.0.1:${port}${path}`, sha256, wait },
      {
        http,
        signal: new AbortController().signal,
        keys,
        values,
        say: (level, message) => said.push(`${level}: ${message.replaceAll(String(port), 'PORT')}`),
      },
    )
    return {
      given: source.parameters.map(({ raw }) => raw),
      problem: source.problems[0]?.message.replaceAll(String(port), 'PORT'),
      hint: source.problems[0]?.hint,
    }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('a job file, and what it says', async () => {
  const { given, problem } = await fetchFrom((_, response) => response.end(GOOD))
  assert.equal(given, ['tasks: inventory', 'after: poweroff'])
  assert.is(problem, undefined)
  assert.equal(said, ['info: job file: http://127.0.0.1:PORT/job.yaml, 33 bytes'])
})

test('names of the machine in its URL are filled in, escaped', async () => {
  let asked: string | undefined
  await fetchFrom(
    (request, response) => {
      asked = request.url
      response.end(GOOD)
    },
    { path: '/${mac}/${uuid}?s=${serial}' },
  )
  assert.is(asked, '/52-54-00-12-34-56/U-1?s=S%2F1')
})

test('a name that this machine does not have is a problem, and nobody is asked', async () => {
  const { problem } = await fetchFrom(() => assert.unreachable(), { path: '/${hostname}' })
  assert.is(problem, 'needs ${hostname}, which this machine does not tell')
})

test('500s, then 404, then the file: tried again, each change said once', async () => {
  const answers = [500, 404, 200]
  const { given } = await fetchFrom((_, response) => {
    response.writeHead(answers.shift() ?? 200).end(GOOD)
  })
  assert.is(given.length, 2)
  assert.equal(said, [
    'warning: job file: http://127.0.0.1:PORT/job.yaml: the server answers 500; trying for 1m',
    'warning: job file: http://127.0.0.1:PORT/job.yaml: the server answers 404; trying for 1m',
    'info: job file: http://127.0.0.1:PORT/job.yaml, 33 bytes',
  ])
})

test('a server that never gets better: a clear end', async () => {
  const { problem, given } = await fetchFrom((_, response) => response.writeHead(503).end(), { wait: 1500 })
  assert.is(
    problem,
    'http://127.0.0.1:PORT/job.yaml: not to be had within 1.5s; ' +
      'because: http://127.0.0.1:PORT/job.yaml: the server answers 503',
  )
  assert.equal(given, [])
})

test('a refusal is not asked again', async () => {
  let asked = 0
  const { problem } = await fetchFrom((_, response) => {
    asked += 1
    response.writeHead(403).end()
  })
  assert.is(problem, 'http://127.0.0.1:PORT/job.yaml: the server answers 403')
  assert.is(asked, 1)
})

test('100 MB are no job file, and are not read', async () => {
  let written = 0
  const { problem } = await fetchFrom((_, response) => {
    const more = () => {
      while (written < 100e6 && !response.destroyed) {
        written += 65_536
        if (!response.write('x'.repeat(65_536))) return
      }
    }
    response.on('drain', more)
    more()
  })
  assert.is(problem, 'http://127.0.0.1:PORT/job.yaml: more than 262144 bytes')
  assert.ok(written < 20e6, `${written} bytes`)
})

test('a web page is no job file', async () => {
  const { problem, hint, given } = await fetchFrom((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!DOCTYPE html><title>Log in</title>')
  })
  assert.is(problem, 'is a web page and no job file')
  assert.is(hint, 'does the URL lead to a log-in or an error page?')
  assert.equal(given, [])
})

test('bytes that are no text are no job file', async () => {
  const { problem } = await fetchFrom((_, response) => response.end(Buffer.from([0xff, 0xfe, 0x00, 0x80])))
  assert.match(problem ?? '', 'is no text in UTF-8')
})

test('its SHA-256: right, and wrong', async () => {
  const sha256 = createHash('sha256').update(GOOD).digest('hex')
  const right = await fetchFrom((_, response) => response.end(GOOD), { sha256 })
  assert.is(right.given.length, 2)
  assert.match(said[0] ?? '', 'SHA-256 as given')
  const wrong = await fetchFrom((_, response) => response.end(`${GOOD} `), { sha256 })
  assert.match(wrong.problem ?? '', `and not ${sha256}`)
  assert.equal(wrong.given, [])
})

const pair = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(), privateKey }
}

test('its signature by a key of the image: raw, base64, of another key, of another file, none', async () => {
  const [own, other, stranger] = [pair(), pair(), pair()]
  const keys = [
    { name: 'other.pem', pem: other.pem },
    { name: 'own.pem', pem: own.pem },
  ]
  const trial = (signature: Buffer | undefined) =>
    fetchFrom(
      (request, response) => {
        if (request.url !== '/job.yaml.sig') response.end(GOOD)
        else if (signature === undefined) response.writeHead(404).end()
        else response.end(signature)
      },
      { keys },
    )
  const signature = sign(null, Buffer.from(GOOD), own.privateKey)
  assert.is((await trial(signature)).problem, undefined)
  assert.match(said[0] ?? '', 'signed by own.pem')
  assert.is((await trial(Buffer.from(`${signature.toString('base64')}\n`))).problem, undefined)
  const bad = async (wrong: Buffer | undefined) => {
    const { problem, given } = await trial(wrong)
    assert.equal(given, [])
    return problem ?? ''
  }
  assert.match(
    await bad(sign(null, Buffer.from(GOOD), stranger.privateKey)),
    "none of the image's keys (other.pem",
  )
  assert.match(await bad(sign(null, Buffer.from('tasks: wipe'), own.privateKey)), "none of the image's keys")
  assert.match(await bad(Buffer.from('what')), 'no Ed25519 signature')
  assert.match(await bad(undefined), 'job.yaml.sig: the server answers 404')
})

test('with keys in the image, the SHA-256 of the command line will do as well', async () => {
  const keys = [{ name: 'own.pem', pem: pair().pem }]
  const sha256 = createHash('sha256').update(GOOD).digest('hex')
  const { problem } = await fetchFrom((_, response) => response.end(GOOD), { keys, sha256 })
  assert.is(problem, undefined)
})

test('told to stop while the file is fetched: no problem of the job, but the end of this process', async () => {
  const stop = new AbortController()
  const server = createServer(() => stop.abort(new Error('ended by SIGTERM')))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const file = { url: `http://127.0.0.1:${port}/`, sha256: null, wait: 60_000 }
  try {
    await fetchJobFile(file, { http, signal: stop.signal, keys: [], values, say: () => {} }).then(
      () => assert.unreachable(),
      (error: Error) => assert.is(error.message, 'ended by SIGTERM'),
    )
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('a file that was read is kept for a restart, with its secrets for root alone, and taken instead of the server', async () => {
  const dir = temporaryDir()
  const copy = join(dir, 'job-file')
  let asked = 0
  const server = createServer((_, response) => {
    asked += 1
    response.writeHead(asked === 1 ? 200 : 404).end('after: poweroff\nreport: {token: word-of-the-file}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const signal = new AbortController().signal
  const complete = async () => {
    const line = `speediso.job=http://127.0.0.1:${port}/`
    const sources = await readJobSources(line, new Map(), createMachineRoot('/nowhere'))
    return sources.complete({ http, signal, values, copy, say: () => {} })
  }
  try {
    assert.is((await complete()).job.after, 'poweroff')
    const again = await complete()
    assert.equal([again.job.after, again.problems, asked], ['poweroff', [], 1])
    assert.is(statSync(copy).mode & 0o777, 0o600)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('keys of the image that cannot be read are a problem, and nothing runs', async () => {
  const dir = temporaryDir()
  mkdirSync(join(dir, 'etc/speediso/job-keys/old.pem'), { recursive: true })
  const sources = await readJobSources('speediso.job=http://127.0.0.1:1/', new Map(), createMachineRoot(dir))
  const { problems } = await sources.complete({
    http,
    signal: new AbortController().signal,
    values,
    say: () => {},
  })
  assert.match(problems[0]?.message ?? '', 'keys of the image: ')
})

test('defaults and keys of the image', async () => {
  const dir = temporaryDir()
  mkdirSync(join(dir, 'etc/speediso/job.d'), { recursive: true })
  mkdirSync(join(dir, 'etc/speediso/job-keys'))
  const put = (name: string, text: string) => writeFileSync(join(dir, 'etc/speediso', name), text)
  put('job.yaml', 'after: reboot')
  put('job.d/20.json', '{"report": {"url": "http://h/r"}}')
  put('job.d/10.yaml', 'ntp: [a, b]')
  put('job.d/README', 'no job')
  put('job-keys/a.pem', 'PEM')
  const root = createMachineRoot(dir)
  const sources = await readImageDefaults(root)
  assert.equal(
    sources.flatMap(({ parameters }) => parameters.map(({ name, value }) => `${name}=${value}`)),
    ['speediso.after=reboot', 'speediso.ntp=a,b', 'speediso.report=http://h/r'],
  )
  assert.equal(await readTrustKeys(root), [{ name: 'a.pem', pem: 'PEM' }])
  assert.equal(await readImageDefaults(createMachineRoot('/nowhere')), [])
})

test.run()
