import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decide } from '../../src/root/decide.ts'
import { findsFault, holds, SHALLOW } from './root/check.ts'
import { emptied } from './root/hosts.ts'

/** What starts it in place of GRUB is of this image, which is not on its disk. */
const netboot = 'first'

for (const candidate of ['next', 'sibling']) {
  test(`neither a current image nor an old one, but a candidate (${candidate}): it comes up`, () => {
    const others = ['next', 'sibling', 'sick'].filter((image) => image !== candidate)
    holds(`emptied host, ${candidate}`, emptied(candidate), others, SHALLOW, { netboot })
  })
}

test('found: nothing is done for it', () => {
  const wrong = findsFault(emptied('next'), [], {
    netboot,
    decide: (observed) =>
      observed.files.current === undefined && observed.files.old === undefined
        ? { outcome: 'nothing to boot', actions: [], messages: [] }
        : decide(observed),
  })
  assert.match(wrong, /the initramfs has nothing to boot/)
})

test('found: the kernel that was there runs on', () => {
  const wrong = findsFault(emptied('next'), [], {
    netboot,
    decide(observed) {
      const { boot, ...rest } = decide(observed)
      return { ...rest, ...(boot === undefined ? {} : { boot: { ...boot, how: 'mount' } }) }
    },
  })
  assert.match(wrong, /the kernel of first runs the root of next/)
})

test.run()
