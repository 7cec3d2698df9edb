import * as assert from 'uvu/assert'
import { explore, type Other } from './explore.ts'
import type { Off } from './machine.ts'

/** How often people may do something: drop in or stage an image, ask for a revert. */
export const DEEP = { drops: 2, requests: 1 }
export const SHALLOW = { drops: 1, requests: 1 }

/** Explores, says how much there was, and fails with the way to what must not be. */
export function holds(
  name: string,
  first: Off,
  images: readonly string[],
  left: typeof DEEP,
  other?: Other,
): void {
  const { off, running, cuts, broken } = explore(first, images, left, other)
  console.log(`figure: ${name}: ${off + running} states (${off} of them off), ${cuts} power cuts`)
  assert.is(broken.join('\n\n'), '')
  assert.ok(off > 100 && cuts > off, 'there was something to explore')
}

/** What the exploration finds wrong with a world that is worse than the real one. */
export function findsFault(first: Off, images: readonly string[], other: Other): string {
  return explore(first, images, SHALLOW, other).broken.join('\n\n')
}
