import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultCacheFolder, openCache } from '../../packaging/lib/cache.ts'
import { BuildError, explain, MissingToolError, ToolError, UsageError } from '../../packaging/lib/errors.ts'
import { canonicalJson, hashTree, hashValue } from '../../packaging/lib/hash.ts'
import { withLock } from '../../packaging/lib/lock.ts'
import { pointLink, withTemporary, writeFolder } from '../../packaging/lib/output.ts'
import { createRun, requireTools } from '../../packaging/lib/run.ts'
import {
  buildVersion,
  checkBuildNumber,
  nextBuildNumber,
  sourceVersion,
} from '../../packaging/lib/version.ts'

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'image-lib-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function failure(work: Promise<unknown>): Promise<Error> {
  try {
    await work
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}

test('writeFolder: the folder appears whole, and nothing else stays', () =>
  inFolder(async (folder) => {
    const target = join(folder, 'v1')
    const result = await writeFolder(target, async (inner) => {
      await writeFile(join(inner, 'a'), 'A')
      assert.equal(await readdir(folder).then((names) => names.includes('v1')), false)
      return 7
    })
    assert.is(result, 7)
    assert.equal(await readdir(folder), ['v1'])
    assert.is(await readFile(join(target, 'a'), 'utf8'), 'A')
  }))

test('writeFolder: a failure leaves nothing', () =>
  inFolder(async (folder) => {
    const error = await failure(
      writeFolder(join(folder, 'v1'), async (inner) => {
        await writeFile(join(inner, 'half'), 'x')
        throw new Error('disk on fire')
      }),
    )
    assert.is(error.message, 'disk on fire')
    assert.equal(await readdir(folder), [])
  }))

test('writeFolder: never replaces what is there', () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, 'v1'))
    await writeFile(join(folder, 'v1', 'old'), 'old')
    const error = await failure(writeFolder(join(folder, 'v1'), async () => undefined))
    assert.instance(error, BuildError)
    assert.equal(await readdir(folder), ['v1'])
    assert.is(await readFile(join(folder, 'v1', 'old'), 'utf8'), 'old')
  }))

test('withTemporary: removes what a killed build left, not what a running one holds', () =>
  inFolder(async (folder) => {
    const gone = spawn('true')
    await once(gone, 'exit')
    await mkdir(join(folder, `.tmp-${gone.pid}-dead`))
    await mkdir(join(folder, `.tmp-${process.pid}-alive`))
    await withTemporary(folder, async () => undefined)
    assert.equal(await readdir(folder), [`.tmp-${process.pid}-alive`])
  }))

test('pointLink: swaps the target', () =>
  inFolder(async (folder) => {
    const link = join(folder, 'current')
    await pointLink(link, 'v1')
    await pointLink(link, 'v2')
    assert.is(await readlink(link), 'v2')
    assert.equal(await readdir(folder), ['current'])
  }))

test('cache: makes once, finds again, forgets the oldest, keeps nothing of a failure', () =>
  inFolder(async (folder) => {
    const cache = openCache(folder, 2)
    let made = 0
    const fill = async (inner: string) => {
      made += 1
      await writeFile(join(inner, 'x'), String(made))
    }
    assert.is((await cache.get('base', 'k1', fill)).made, true)
    assert.is((await cache.get('base', 'k1', fill)).made, false)
    assert.is(made, 1)
    await failure(cache.get('base', 'bad', () => Promise.reject(new Error('no'))))
    assert.is(await cache.find('base', 'bad'), undefined)
    await cache.get('base', 'k2', fill)
    // Used last: k1.
    await utimes(join(folder, 'base', 'k2'), 1, 1)
    await cache.get('base', 'k1', fill)
    await cache.get('base', 'k3', fill)
    assert.equal((await readdir(join(folder, 'base'))).sort(), ['k1', 'k3'])
  }))

test('cache folder: XDG_CACHE_HOME, or below the home', () => {
  assert.is(defaultCacheFolder({ XDG_CACHE_HOME: '/x' }), '/x/speediso')
  assert.match(defaultCacheFolder({ XDG_CACHE_HOME: '' }), /\/\.cache\/speediso$/)
})

test('lock: the second waits, a dead holder does not block', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'lock')
    const said: string[] = []
    const order: string[] = []
    const options = { say: (line: string) => said.push(line) }
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
    await Promise.all([
      withLock(
        file,
        async () => {
          order.push('a in')
          await pause(300)
          order.push('a out')
        },
        options,
      ),
      pause(50).then(() =>
        withLock(
          file,
          async () => {
            order.push('b in')
          },
          options,
        ),
      ),
    ])
    assert.equal(order, ['a in', 'a out', 'b in'])
    assert.is(said.length, 1)
    const gone = spawn('true')
    await once(gone, 'exit')
    await writeFile(file, `${gone.pid}\n`)
    await withLock(
      file,
      async () => {
        order.push('c in')
      },
      options,
    )
    assert.is(order.at(-1), 'c in')
    assert.equal(await readdir(folder), [])
  }))

test('run: a failed tool is named with its exit code, last lines and log', () =>
  inFolder(async (folder) => {
    const log = join(folder, 'log')
    const run = createRun(log)
    assert.is(await run('sh', ['-c', 'echo out; echo err >&2']), 'out')
    const error = await failure(run('sh', ['-c', 'echo one; echo two >&2; exit 3']))
    assert.instance(error, ToolError)
    assert.is(error.message, 'sh ended with exit code 3')
    const text = explain(error)
    for (const part of ['| one', '| two', log]) assert.ok(text.includes(part), part)
    assert.match(await readFile(log, 'utf8'), /\$ sh -c 'echo out; echo err >&2'\n[\s\S]*out[\s\S]*two/)
    assert.instance(await failure(run('no-such-tool-here', [])), MissingToolError)
  }))

test('run: an abort ends the program and gives the reason', () =>
  inFolder(async (folder) => {
    const abort = new AbortController()
    const run = createRun(join(folder, 'log'), abort.signal)
    const began = Date.now()
    setTimeout(() => abort.abort(new Error('enough')), 100)
    assert.is((await failure(run('sleep', ['30']))).message, 'enough')
    assert.ok(Date.now() - began < 5000)
  }))

test('run: a confined program ends with its children and mounts when it is aborted', () =>
  inFolder(async (folder) => {
    if (process.getuid?.() !== 0) return
    const abort = new AbortController()
    const run = createRun(join(folder, 'log'), abort.signal)
    const mark = join(folder, 'mark')
    const script = `mount -t tmpfs tmpfs ${folder}; setsid sh -c 'sleep 300; :' & echo $$ > ${mark}; sleep 300`
    const ended = failure(run('sh', ['-c', script, mark], { confined: true }))
    await new Promise((resolve) => setTimeout(resolve, 700))
    const running = async () => {
      const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
      const lines = await Promise.all(
        names.map((n) => readFile(`/proc/${n}/cmdline`, 'utf8').catch(() => '')),
      )
      return lines.filter((line) => line.includes(mark)).length
    }
    assert.ok((await running()) > 0)
    abort.abort(new Error('enough'))
    assert.is((await ended).message, 'enough')
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.is(await running(), 0)
    assert.not.match(await readFile('/proc/mounts', 'utf8'), new RegExp(folder))
  }))

test('requireTools: one line that names the packages', () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, 'here'), '#!/bin/sh\n')
    await chmod(join(folder, 'here'), 0o755)
    await requireTools({ here: 'here-package' }, folder)
    const error = await failure(requireTools({ here: 'h', mk: 'mk-tools', mk2: 'mk-tools' }, folder))
    assert.instance(error, MissingToolError)
    assert.is(error.message, 'not installed: mk, mk2; install with: apt-get install mk-tools')
  }))

test('hashes: order of keys does not count, everything else does', () =>
  inFolder(async (folder) => {
    assert.is(canonicalJson({ b: 1, a: [{ d: 1, c: 2 }] }), '{"a":[{"c":2,"d":1}],"b":1}')
    assert.is(hashValue({ a: 1, b: 2 }), hashValue({ b: 2, a: 1 }))
    assert.is.not(hashValue(['a', 'b']), hashValue(['b', 'a']))
    const tree = join(folder, 'tree')
    await mkdir(join(tree, 'sub'), { recursive: true })
    await writeFile(join(tree, 'sub', 'f'), 'one')
    const seen = new Set([await hashTree(tree)])
    const differs = async (why: string) => {
      const hash = await hashTree(tree)
      assert.is(seen.has(hash), false, why)
      seen.add(hash)
    }
    await utimes(join(tree, 'sub', 'f'), 5, 5)
    assert.is(seen.has(await hashTree(tree)), true, 'time does not count')
    await writeFile(join(tree, 'sub', 'f'), 'two')
    await differs('content')
    await chmod(join(tree, 'sub', 'f'), 0o755)
    await differs('executable')
    await symlink('f', join(tree, 'sub', 'l'))
    await differs('link')
    await rm(join(tree, 'sub', 'l'))
    await symlink('g', join(tree, 'sub', 'l'))
    await differs('target of a link')
    await mkdir(join(tree, 'empty'))
    await differs('empty folder')
  }))

test('version: fit for file names, counted up, checked', () =>
  inFolder(async (folder) => {
    assert.is(buildVersion('v1.2.3-4-gabc-dirty', '7'), 'v1.2.3-4-gabc-dirty+b7')
    assert.is(buildVersion('release/1.0 x', '1'), 'release-1.0-x+b1')
    assert.is(await nextBuildNumber(folder), '1')
    assert.is(await nextBuildNumber(folder), '2')
    assert.is(checkBuildNumber('20250101.3'), '20250101.3')
    for (const bad of ['', '1/2', 'a b', '../x'])
      assert.throws(
        () => checkBuildNumber(bad),
        (e: unknown) => e instanceof UsageError,
      )
    assert.equal(await sourceVersion(folder, '0.1.0'), { describe: '0.1.0-nogit', commitTime: undefined })
  }))

test.run()
