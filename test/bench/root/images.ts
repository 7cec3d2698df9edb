import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytesOf } from '../../block/helpers/random-bytes.ts'
import { mounted } from '../../block/helpers/root-image.ts'

const MIB = 2 ** 20
/** A server without a desktop: about as many files, with about as many bytes. */
const FILES = 2000
const FOLDERS = 40
const BYTES = 256 * MIB
const SIZE = 512 * MIB
/** A package as an update brings it: so many files of so many bytes. */
const CHANGED = 150
const CHANGED_BYTES = 64 * 1024

/** Two ext4 images, of which the second is the first with one package replaced through a mount. */
export function makeVersions(dir: string): { before: string; after: string } {
  const [before, after] = [join(dir, 'before.img'), join(dir, 'after.img')]
  const tree = mkdtempSync(join(dir, 'tree-'))
  const name = (i: number) => `folder-${i % FOLDERS}/file-${i}`
  for (let i = 0; i < FOLDERS; i += 1) mkdirSync(join(tree, `folder-${i}`))
  for (let i = 0; i < FILES; i += 1)
    writeFileSync(join(tree, name(i)), randomBytesOf(`file ${i}`, Math.ceil((BYTES / FILES) * ((i % 7) / 3))))
  writeFileSync(before, '')
  truncateSync(before, SIZE)
  execFileSync('mkfs.ext4', ['-q', '-d', tree, before])
  rmSync(tree, { recursive: true })
  execFileSync('cp', ['--sparse=always', before, after])
  mounted(after, (at) => {
    for (let i = 0; i < CHANGED; i += 1) {
      // As dpkg does: a new file takes the old one's name.
      const path = join(at, name(i * 3))
      rmSync(path)
      writeFileSync(path, randomBytesOf(`new file ${i}`, CHANGED_BYTES))
    }
  })
  return { before, after }
}
