import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decideAsJudged } from '../../src/root/decide.ts'
import type { Action, Decision, Observed } from '../../src/root/schema.ts'
import { DEEP, findsFault, holds, SHALLOW } from './root/check.ts'
import { copied, copiedOld, sameId, unloadable } from './root/hosts.ts'

// GRUB tells images apart by their ids alone. Here several files have the same one.

test('copies of the image that is there, one of them edited, and an update: two at a time, and a revert', () => {
  holds('copied host', copied, ['copy', 'edited', 'next'], DEEP)
})

test('copies of the old image', () => {
  holds('host with a copied old image', copiedOld, ['copy', 'edited', 'unproved', 'sick'], SHALLOW)
})

test('a whole copy in place of what GRUB cannot load', () => {
  holds('unloadable host', unloadable, ['whole', 'next'], SHALLOW)
})

test('two images with one id, put there by hand', () => {
  holds('host of one id', sameId('unproved'), ['next'], SHALLOW)
})

/** What is wrong without the refusals. */
for (const [host, drops, found] of [
  [copied, ['edited'], /the kernel of base runs the root of edited/],
  [copied, ['unproved'], /GRUB boots rescue/],
  [copiedOld, ['unproved'], /GRUB boots rescue/],
] as const) {
  test(`found: a copy is taken: ${drops}, on the host of ${Object.values(host.disk.names)}`, () => {
    assert.match(findsFault(host, drops, { decide: decideAsJudged }), found)
  })
}

test('found: GRUB counts for one of two images with one id', () => {
  const counts = ({ actions, ...rest }: Decision): Decision => ({
    ...rest,
    actions: actions.flatMap((action): Action[] => {
      const trial = action.do === 'record' ? action.record.trial : undefined
      if (trial === undefined) return [action]
      return [action, { do: 'loader', trial: { image: 'base', tries: trial.limit - trial.boots } }]
    }),
  })
  const decide = (observed: Observed) => counts(decideAsJudged(observed))
  assert.match(findsFault(sameId('unproved'), [], { decide }), /GRUB boots rescue/)
})

test.run()
