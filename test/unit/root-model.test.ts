import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FIRST_RECORD } from '../../src/root/standing.ts'
import { NAMES, sameNames } from './root-model/disk.ts'
import { explore } from './root-model/explore.ts'
import type { Off } from './root-model/machine.ts'

const CANDIDATES = (process.env.C ?? 'next,panics,noinitSibling,sick').split(',')

const alone = sameNames({ [NAMES.current]: 'first' })

/** As installed: nothing is remembered yet. */
const fresh: Off = {
  confirmed: 'first',
  disk: {
    ...{ names: alone, grub: alone },
    ...{ record: [undefined, undefined], loader: [{ seq: 1 }, { seq: 1 }] },
  },
}

/** After some updates. */
const names = sameNames({ [NAMES.current]: 'first', [NAMES.old]: 'old' })
const settled: Off = {
  confirmed: 'first',
  disk: {
    ...{ names, grub: names, loader: [{ seq: 1 }, { seq: 1 }] },
    record: [
      { ...FIRST_RECORD, seq: 1, confirmed: 'old' },
      { ...FIRST_RECORD, seq: 2, confirmed: 'first' },
    ],
  },
}

for (const [name, first] of Object.entries({ fresh, settled })) {
  test(`from a ${name} host: bootable, right kernel, nothing lost, no loop`, () => {
    const begin = Date.now()
    const found = explore(first, CANDIDATES, { drops: 2, requests: 1 })
    console.log(
      `${name}: ${found.off} states off, ${found.running} running, ${found.cuts} cuts, ${Date.now() - begin} ms`,
    )
    assert.is(found.broken.join('\n\n'), '')
    assert.ok(found.off > 1000)
  })
}

test.run()
