import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkContents } from '../../src/root/candidate/contents.ts'
import { Refusal } from '../../src/root/candidate/refusal.ts'
import { environment, goodTree, plantTree } from '../block/helpers/root-image.ts'
import { temporaryDir } from './helpers/temporary.ts'

const signal = new AbortController().signal

/** What is said against a root with this /boot/speediso.env. */
async function against(variables: Record<string, string>): Promise<string> {
  const root = temporaryDir()
  plantTree(root, { ...goodTree(), 'boot/speediso.env': environment(variables) })
  try {
    await checkContents(root, { arch: 'x64', signal })
    return 'nothing'
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return error.message
  }
}

test('a version that the record has no room for is refused', async () => {
  assert.is(await against({ version: 'v'.repeat(200) }), 'nothing')
  assert.match(await against({ version: 'v'.repeat(201) }), /version= .* has 201 characters: it may have 200/)
  assert.match(await against({ version: 'v'.repeat(40_000) }), /40000 characters/)
})

test('kernel arguments that the kernel would not get are refused', async () => {
  assert.is(await against({ append: 'a'.repeat(1536) }), 'nothing')
  assert.match(await against({ append: 'a'.repeat(1537) }), /append= .* has 1537 bytes, .*: it may have 1536/)
  assert.is(await against({ append: 'quiet --x a--b' }), 'nothing')
  for (const append of ['--', 'quiet --', '-- quiet', 'quiet\t-- x'])
    assert.match(await against({ append }), /holds --, which ends the kernel's arguments/)
  // Or that would make the initramfs believe that another image was booted.
  for (const append of ['real_root=/x.img', 'quiet speediso.tries=9'])
    assert.match(await against({ append }), /holds (real_root|speediso\.tries)=\S+, which only GRUB can say/)
})

test.run()
