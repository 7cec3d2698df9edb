import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decide } from '../../src/root/decide.ts'
import type { Action, Decision, Observed } from '../../src/root/schema.ts'
import { findsFault, holds, SHALLOW } from './root/check.ts'
import type { Disk } from './root/disk.ts'
import { CANDIDATES, fresh, settled } from './root/hosts.ts'

const HOSTS = { fresh, settled }

for (const [name, host] of Object.entries(HOSTS)) {
  test(`${name} host: every kind of image once, and a revert`, () => {
    holds(`${name} host, each image`, host, CANDIDATES, SHALLOW)
  })
  test(`${name} host that loses both copies of the record: what GRUB counts suffices`, () => {
    const fault = (disk: Disk): Disk => ({ ...disk, record: [undefined, undefined] })
    holds(`${name} host, no record`, host, ['next', 'panics', 'noinit', 'sick'], SHALLOW, { fault })
  })
  test(`${name} host that loses what GRUB counts: the initramfs counts`, () => {
    const fault = (disk: Disk): Disk => ({ ...disk, loader: [undefined, undefined] })
    // Not an image that never gets to its initramfs: then nobody is left to count.
    holds(`${name} host, no count`, host, ['next', 'noinit', 'sick'], SHALLOW, { fault })
  })
  test(`${name} host that loses both: the files alone boot`, () => {
    const fault = (disk: Disk): Disk => ({
      ...disk,
      record: [undefined, undefined],
      loader: [undefined, undefined],
    })
    holds(`${name} host, nothing remembered`, host, ['next', 'sibling'], SHALLOW, { fault })
  })
}

const edited =
  (edit: (actions: readonly Action[]) => Action[]) =>
  (observed: Observed): Decision => {
    const decision = decide(observed)
    return { ...decision, actions: edit(decision.actions) }
  }
const without = (what: Action['do']) => edited((actions) => actions.filter((action) => action.do !== what))

/** Each of these is a fault that a system of this kind has, or had; the exploration has to find it. */
const FAULTS: Readonly<Record<string, [wrong: typeof decide, found: RegExp]>> = {
  'the current image is moved away first': [
    edited((actions) =>
      actions.map((action) =>
        action.do === 'keep' ? { do: 'move', from: 'current', to: action.as } : action,
      ),
    ),
    /no current image/,
  ],
  'GRUB reads what was before the journal': [without('settle'), /GRUB boots rescue|loop|runs the root/],
  'the last confirmed image is overwritten': [without('keep'), /is lost/],
  'nobody counts for GRUB': [without('loader'), /loop/],
  'GRUB stops counting before it sees the new names': [
    edited((actions) => [
      ...actions.filter((action) => action.do === 'loader'),
      ...actions.filter((action) => action.do !== 'loader'),
    ]),
    /loop/,
  ],
  'the kernel of another image runs on': [
    (observed) => {
      const { boot, ...rest } = decide(observed)
      return { ...rest, ...(boot === undefined ? {} : { boot: { ...boot, how: 'mount' } }) }
    },
    /the kernel of \w+ runs the root of/,
  ],
}

for (const [name, [wrong, found]] of Object.entries(FAULTS)) {
  test(`found: ${name}`, () => {
    for (const host of Object.values(HOSTS)) {
      assert.match(findsFault(host, ['next', 'panics', 'sick'], { decide: wrong }), found)
    }
  })
}

test.run()
