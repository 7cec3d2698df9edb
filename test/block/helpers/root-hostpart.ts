import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { environment, fakeKernel, goodTree, makeImage, RELEASE } from './root-image.ts'
import type { Filesystem } from './write-log/record.ts'

/** Ids of the images. */
export const IDS = {
  first: '11111111-4b5a-4968-8776-655443322110',
  next: '22222222-4b5a-4968-8776-655443322110',
  /** With the kernel of `first`. */
  twin: '33333333-4b5a-4968-8776-655443322110',
}
export type Name = keyof typeof IDS

export interface Hostpart extends Disposable {
  /** Where it is mounted. */
  dir: string
  put(name: string, image: Name): void
  /** What lies there, by name: which image, or `other`. */
  list(): Record<string, string>
  remount(options: string): void
}

export interface Hostparts {
  imageFile(name: Name): string
  sumOf(file: string): string
  /** A new filesystem in a file, mounted, gone with the scope or with this process. */
  make(filesystem: Filesystem, sizeBytes?: number): Hostpart
}

/** Small images that are accepted, and hostparts to put them on, below a temporary folder. */
export function rootHostparts(dir: string): Hostparts {
  const imageFile = (name: Name) => join(dir, `${name}.img`)
  const sumOf = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')
  for (const name of Object.keys(IDS) as Name[]) {
    const kernel = fakeKernel(RELEASE, name === 'twin' ? 'first' : name, 20_000)
    makeImage(imageFile(name), 'squashfs', {
      ...goodTree(),
      ...{ [`boot/vmlinuz-${RELEASE}`]: kernel, 'usr/share/data': name },
      'boot/speediso.env': environment({ image: IDS[name], version: `1.${name}` }),
    })
  }
  const sums = Object.fromEntries((Object.keys(IDS) as Name[]).map((name) => [sumOf(imageFile(name)), name]))
  let made = 0
  return {
    imageFile,
    sumOf,
    make(filesystem, sizeBytes = filesystem.sizeBytes) {
      made += 1
      const file = join(dir, `hostpart-${made}`)
      const at = join(dir, `mounted-${made}`)
      writeFileSync(file, '')
      truncateSync(file, sizeBytes)
      const [mkfs = '', ...args] = filesystem.mkfs
      execFileSync(mkfs, [...args, file], { stdio: 'ignore' })
      mkdirSync(at)
      execFileSync('mount', ['-o', ['loop', ...filesystem.mountOptions].join(), file, at])
      const dispose = () => {
        spawnSync('umount', [at], { stdio: 'ignore' })
        rmSync(file, { force: true })
        process.off('exit', dispose)
      }
      process.prependListener('exit', dispose)
      return {
        dir: at,
        put: (name, image) => copyFileSync(imageFile(image), join(at, name)),
        list() {
          const own = ['.speediso', 'lost+found', 'filler']
          const names = readdirSync(at).filter((name) => !own.includes(name))
          return Object.fromEntries(
            names.map((name) => {
              const path = join(at, name)
              return [
                name,
                statSync(path, { throwIfNoEntry: false })?.isFile()
                  ? (sums[sumOf(path)] ?? 'other')
                  : 'other',
              ]
            }),
          )
        },
        remount: (options) => execFileSync('mount', ['-o', `remount,${options}`, at]),
        [Symbol.dispose]: dispose,
      }
    },
  }
}
