import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  DEFAULT_DEADLINE,
  DEFAULT_TRIES,
  type RootWords,
  readRootWords,
} from '../../src/root/observe/words.ts'

const plain: RootWords = {
  ...{ realRoot: '/hn-root.img', booted: 'current', limit: DEFAULT_TRIES, deadline: DEFAULT_DEADLINE },
  ...{ loader: 'LABEL=EFI-BOOT', loaderTold: false, problems: [] },
}

const rows: [line: string, words: Partial<RootWords>][] = [
  ['', {}],
  ['quiet ro panic=30', {}],
  ['real_root=/x.img', { realRoot: '/x.img' }],
  ['speediso.booted=old', { booted: 'old' }],
  ['speediso.image=0f1e2d3c', { image: '0f1e2d3c' }],
  ['speediso.image=', {}],
  ['speediso.tries=0', { tries: 0 }],
  ['speediso.tries=9', { tries: 9 }],
  ['speediso.fallback=tries speediso.booted=old', { fallback: 'tries', booted: 'old' }],
  ['speediso.fallback=unreadable', { fallback: 'unreadable' }],
  ['speediso.root.tries=1', { limit: 1 }],
  ['speediso.root.tries=9', { limit: 9 }],
  ['speediso.root.deadline=90s', { deadline: 90_000 }],
  ['speediso.root.deadline=1h', { deadline: 3_600_000 }],
  ['speediso.loader=/dev/sda1', { loader: '/dev/sda1', loaderTold: true }],
  ['speediso.loader=UUID=ABCD-1234', { loader: 'UUID=ABCD-1234', loaderTold: true }],
  // The later one counts, - and _ are the same, quotes are taken off.
  ['speediso.tries=3 speediso.tries=1', { tries: 1 }],
  ['real-root=/x.img', { realRoot: '/x.img' }],
  ['real_root="/x.img"', { realRoot: '/x.img' }],
  // What GRUB could not save it does not know.
  ['speediso.tries=unsaved', {}],
  ['speediso.tries=10', {}],
  ['speediso.tries=-1', {}],
]
for (const [line, words] of rows) {
  test(`understood: ${line || 'nothing'}`, () => assert.equal(readRootWords(line), { ...plain, ...words }))
}

const wrong: [line: string, problem: RegExp][] = [
  ['speediso.loader=PARTUUID=1', /: it has to be LABEL=…, UUID=… or \/dev\/…$/],
  ['speediso.loader=sda1', /: it has to be LABEL=…, UUID=… or \/dev\/…$/],
  ['speediso.booted=new', /^speediso\.booted=new: it has to be current or old$/],
  ['speediso.fallback=maybe', /^speediso\.fallback=maybe: it has to be tries or unreadable$/],
  ['speediso.root.tries=0', /^speediso\.root\.tries=0: it has to be 1 to 9$/],
  ['speediso.root.tries=10', /: it has to be 1 to 9$/],
  ['speediso.root.tries=', /: it has to be 1 to 9$/],
  ['speediso.root.deadline=15', /: it has to be a duration such as 15m$/],
  ['speediso.root.deadline=soon', /: it has to be a duration such as 15m$/],
]
for (const [line, problem] of wrong) {
  test(`wrong, and the default counts: ${line}`, () => {
    const { problems, ...words } = readRootWords(line)
    assert.is(problems.length, 1)
    assert.match(problems[0] ?? '', problem)
    const { problems: _, ...usual } = plain
    assert.equal(words, usual)
  })
}

test('whatever stands on the command line, it is read', () => {
  const name = fc.constantFrom(
    'real_root',
    'speediso.tries',
    'speediso.root.tries',
    'speediso.root.deadline',
    'speediso.booted',
  )
  const line = fc.array(
    fc.oneof(
      fc.string(),
      fc.tuple(name, fc.string()).map((pair) => pair.join('=')),
    ),
  )
  fc.assert(
    fc.property(line, (words) => {
      const { limit, deadline, tries = 0, booted } = readRootWords(words.join(' '))
      assert.ok(limit >= 1 && limit <= 9 && tries >= 0 && tries <= 9)
      assert.ok(Number.isFinite(deadline) && deadline >= 0)
      assert.ok(['current', 'old'].includes(booted))
    }),
  )
})

test.run()
