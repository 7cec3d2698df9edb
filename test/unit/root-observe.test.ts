import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { imageNames } from '../../src/root/names.ts'
import { findFiles, keyOf } from '../../src/root/observe/files.ts'
import { type Asked, observe } from '../../src/root/observe/observe.ts'
import { readRootWords } from '../../src/root/observe/words.ts'
import type { ImageFacts } from '../../src/root/record.ts'
import { writeRecord } from '../../src/root/record-file.ts'
import type { Observed } from '../../src/root/schema.ts'
import { FIRST_RECORD } from '../../src/root/standing.ts'
import { systemClock } from '../../src/system/clock.ts'
import { temporaryDir } from './helpers/temporary.ts'

const names = imageNames()
const roles = ['current', 'old', 'new', 'broken'] as const
type Role = (typeof roles)[number]

interface Host {
  dir: string
  keys: Record<Role, string>
}

/** A hostpart with these images, whose ids are remembered as their roles; `unknown`: nothing is. */
async function host(present: readonly Role[], unknown: readonly Role[] = []): Promise<Host> {
  const dir = temporaryDir()
  const keys = {} as Host['keys']
  const images: Record<string, ImageFacts> = {}
  for (const role of present) {
    writeFileSync(join(dir, names[role]), role)
    const key = (await keyOf(join(dir, names[role]))) ?? ''
    keys[role] = key
    if (!unknown.includes(role)) images[key] = { id: role }
  }
  await writeRecord(dir, { ...FIRST_RECORD, images })
  return { dir, keys }
}

/** Runs no program: what has to look into an image here only says so. */
async function look(dir: string, commandLine: string, asked: Asked = { occasion: 'boot' }) {
  const said: string[] = []
  const observed = await observe(asked, {
    exec: async (file) => {
      throw new Error(`${file} is not to be had`)
    },
    ...{ signal: new AbortController().signal, clock: systemClock, keys: [], folder: dir },
    ...{ hostpart: dir, names, words: readRootWords(commandLine) },
    say: (_level, text) => void said.push(text),
  })
  return { observed, said }
}

type Booted = Role | 'gone' | undefined
const booted: [
  what: string,
  line: string,
  present: readonly Role[],
  unknown: readonly Role[],
  want: Booted,
][] = [
  ['nothing said', '', ['current', 'old'], [], 'current'],
  ['only which file', 'speediso.booted=old', ['current', 'old'], [], 'old'],
  ['only which file, which is not there', 'speediso.booted=old', ['current'], [], undefined],
  [
    'the id of the current image',
    'speediso.booted=current speediso.image=current',
    ['current', 'old'],
    [],
    'current',
  ],
  [
    'a boot loader that saw the names of before',
    'speediso.booted=current speediso.image=old',
    ['current', 'old'],
    [],
    'old',
  ],
  [
    'what is broken by now',
    'speediso.booted=current speediso.image=broken',
    ['current', 'old', 'broken'],
    [],
    'broken',
  ],
  [
    'the old image, which is the current one by now',
    'speediso.booted=old speediso.image=current',
    ['current'],
    [],
    'current',
  ],
  [
    'an image that has no name any more',
    'speediso.booted=current speediso.image=other',
    ['current', 'old'],
    [],
    'gone',
  ],
  [
    'an image whose id cannot be read',
    'speediso.booted=current speediso.image=other',
    ['current', 'old'],
    ['current'],
    'current',
  ],
  [
    'another one whose id cannot be read',
    'speediso.booted=current speediso.image=other',
    ['current', 'old'],
    ['old'],
    'gone',
  ],
]
for (const [what, line, present, unknown, want] of booted) {
  test(`booted: ${what}`, async () => {
    const { dir, keys } = await host(present, unknown)
    const { observed, said } = await look(dir, line)
    assert.is(observed.booted, want === undefined || want === 'gone' ? want : keys[want])
    // What could not be looked into is said.
    assert.ok(said.length >= unknown.length, said.join('\n'))
  })
}

const counted: [line: string, present: readonly Role[], want: Observed['loader']][] = [
  ['speediso.image=current', ['current', 'old'], undefined],
  ['speediso.image=current speediso.tries=2', ['current', 'old'], { image: 'current', tries: 2 }],
  ['speediso.image=current speediso.tries=unsaved', ['current', 'old'], undefined],
  ['speediso.image=old speediso.tries=2', ['current', 'old'], { image: 'old', tries: 2 }],
  [
    'speediso.booted=old speediso.image=old speediso.fallback=tries speediso.tries=0',
    ['current', 'old'],
    { image: 'current', tries: 0 },
  ],
  ['speediso.booted=old speediso.image=old speediso.tries=0', ['old'], undefined],
]
for (const [line, present, want] of counted) {
  test(`counted by GRUB: ${line}; ${present.join()}`, async () => {
    const { dir } = await host(present)
    assert.equal((await look(dir, line)).observed.loader, want)
  })
}

test('of the running system what runs and what GRUB counts are told, and the command line is of the past', async () => {
  const { dir, keys } = await host(['current', 'old'])
  const loader = { image: 'current', tries: 1 }
  const line = 'speediso.booted=old speediso.image=old speediso.tries=3 speediso.fallback=tries'
  const { observed } = await look(dir, line, {
    occasion: 'confirm',
    running: keys.current,
    loader,
    why: 'so',
  })
  assert.equal([observed.booted, observed.loader, observed.why], [keys.current, loader, 'so'])
  assert.is((await look(dir, line, { occasion: 'confirm' })).observed.booted, undefined)
})

test('the old image without a reason is a choice of a person', async () => {
  const { dir } = await host(['current', 'old'])
  const chosen = async (line: string) => (await look(dir, line)).observed.chosen
  assert.is(await chosen('speediso.booted=old speediso.image=old'), true)
  assert.is(await chosen('speediso.booted=old speediso.image=old speediso.fallback=tries'), undefined)
  assert.is(await chosen('speediso.booted=current speediso.image=current'), undefined)
})

test('a candidate is judged at a boot and when it is staged, and not beside a flag', async () => {
  const { dir } = await host(['current', 'new'])
  const judged = (asked: Asked) =>
    look(dir, 'speediso.image=current', asked).then(
      ({ observed }) => observed.candidate !== undefined,
      () => true,
    )
  assert.ok(await judged({ occasion: 'boot' }))
  assert.ok(await judged({ occasion: 'stage' }))
  for (const occasion of ['confirm', 'revert', 'unhealthy'] as const) assert.not(await judged({ occasion }))
  writeFileSync(join(dir, names.flag), '')
  assert.not(await judged({ occasion: 'boot' }))
})

/** What was said of an image that nobody remembers; to look into it is not to be had here, which is said. */
async function lookedInto(dir: string, asked: Asked): Promise<string[]> {
  const { said } = await look(dir, '', asked)
  return [...new Set(said.flatMap((line) => /^(hn-root(-old)?\.img): /.exec(line)?.[1] ?? []))]
}

test('of the running system an image that nobody remembers is looked into while GRUB counts', async () => {
  const loader = { image: 'x', tries: 2 }
  for (const occasion of ['confirm', 'revert', 'unhealthy'] as const) {
    const { dir } = await host(['current', 'old'], ['current'])
    assert.equal(await lookedInto(dir, { occasion, loader }), ['hn-root.img'])
    assert.equal(await lookedInto(dir, { occasion }), [], 'nothing is counted')
    const known = await host(['current', 'old'])
    assert.equal(await lookedInto(known.dir, { occasion, loader }), [], 'remembered')
  }
})

test('what a candidate is compared with is looked into', async () => {
  const { dir } = await host(['current', 'old', 'new'], ['current', 'old'])
  assert.equal(await lookedInto(dir, { occasion: 'boot' }), ['hn-root.img', 'hn-root-old.img'])
  rmSync(join(dir, names.new))
  assert.equal(await lookedInto(dir, { occasion: 'boot' }), [])
})

test('the flag counts, however it was made', async () => {
  const { dir } = await host(['current'])
  const flag = async () => (await findFiles(dir, names)).flag
  assert.not(await flag())
  const path = join(dir, names.flag)
  writeFileSync(path, '')
  assert.ok(await flag())
  rmSync(path)
  symlinkSync('/nowhere', path)
  assert.ok(await flag())
  rmSync(path)
  mkdirSync(path)
  assert.ok(await flag())
})

test('a file keeps its key when it is renamed or linked, and a copy has another one', async () => {
  const dir = temporaryDir()
  const at = (name: string) => join(dir, name)
  writeFileSync(at('a'), 'x')
  const key = await keyOf(at('a'))
  assert.match(key ?? '', /^\d+-\d+$/)
  linkSync(at('a'), at('b'))
  renameSync(at('a'), at('c'))
  assert.equal([await keyOf(at('b')), await keyOf(at('c'))], [key, key])
  writeFileSync(at('d'), 'x')
  assert.is.not(await keyOf(at('d')), key)
  assert.is(await keyOf(at('none')), undefined)
})

const ODD: [what: string, make: (path: string) => void][] = [
  ['a folder', (path) => mkdirSync(path)],
  ['a symbolic link', (path) => symlinkSync('hn-root.img', path)],
  ['a symbolic link', (path) => symlinkSync('nowhere', path)],
  ['a pipe or socket', (path) => void execFileSync('mkfifo', [path])],
]

test('what is no file does not count, which is said; a candidate is refused for it', async () => {
  for (const [what, make] of ODD) {
    const { dir, keys } = await host(['current'])
    for (const role of ['old', 'broken', 'held', 'rejected', 'new'] as const) make(join(dir, names[role]))
    make(join(dir, names.passing))
    const { observed, said } = await look(dir, 'speediso.image=current')
    assert.equal([observed.files.current, observed.booted], [keys.current, keys.current])
    assert.equal(Object.keys(observed.files).sort(), ['current', 'new'], what)
    assert.is(observed.passing, undefined)
    assert.equal(observed.candidate, {
      accepted: false,
      reason: `it is ${what}, and an image has to be a file itself: copy it there`,
    })
    // What was set aside may be anything.
    const odd = ['old', 'broken', 'held'].map(
      (role) => `hn-root-${role}.img is ${what}: an image has to be a file itself, so it does not count`,
    )
    assert.equal(
      said.filter((line) => line.includes('a file itself')),
      odd,
    )
    writeFileSync(join(dir, names.flag), '')
    assert.match((await look(dir, '')).said.join('\n'), `hn-root-new.img is ${what}`)
  }
})

test('a current image that is a link is told apart from none, unless GRUB could not load it', async () => {
  const { dir } = await host(['old'])
  symlinkSync('hn-root-old.img', join(dir, names.current))
  const seen = async (line: string) => (await look(dir, line)).observed
  assert.equal([(await seen('')).currentIsLink, (await seen('')).files.current], [true, undefined])
  assert.is((await seen('speediso.booted=old speediso.fallback=unreadable')).currentIsLink, undefined)
})

test.run()
