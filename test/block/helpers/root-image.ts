import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { randomBytesOf } from './random-bytes.ts'

export const RELEASE = '6.12.107-test'
export const IMAGE_ID = '0f1e2d3c-4b5a-4968-8776-655443322110'

/** Files of a tree by path; a link has `to`. */
export type Tree = Record<string, Uint8Array | string | { to: string } | { exec: string }>

/** A kernel that no machine runs, with a header by Linux, Documentation/arch/x86/boot.rst. */
export function fakeKernel(release = RELEASE, seed = 'kernel', payload = 300_000): Buffer {
  const setup = 4
  const paragraphs = Math.ceil(payload / 16)
  const bytes = Buffer.concat([Buffer.alloc((setup + 1) * 512), randomBytesOf(seed, paragraphs * 16)])
  bytes[0x1f1] = setup
  bytes.writeUInt32LE(paragraphs, 0x1f4)
  bytes.writeUInt16LE(0xaa55, 0x1fe)
  bytes.write('HdrS', 0x202, 'latin1')
  bytes.writeUInt16LE(0x20f, 0x206)
  bytes.writeUInt16LE(0x300, 0x20e)
  bytes.write(`${release} (nobody@nowhere) #1\0`, 0x500, 'latin1')
  return bytes
}

/** What a root image has to hold, and a little more. */
export function goodTree(): Tree {
  return {
    [`boot/vmlinuz-${RELEASE}`]: fakeKernel(),
    'boot/kernel': { to: `vmlinuz-${RELEASE}` },
    'boot/initrd': Buffer.concat([Buffer.from('28b52ffd', 'hex'), randomBytesOf('initramfs', 200_000)]),
    'boot/initramfs': { to: '/boot/initrd' },
    lib: { to: 'usr/lib' },
    sbin: { to: 'usr/sbin' },
    [`usr/lib/modules/${RELEASE}/modules.dep`]: '',
    'usr/lib/systemd/systemd': { exec: '#!/bin/sh\n' },
    'usr/sbin/init': { to: '../lib/systemd/systemd' },
    'usr/share/data': randomBytesOf('data', 3_000_000),
  }
}

/** A GRUB environment block: 1024 bytes. */
export function environment(variables: Record<string, string>): string {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`)
  return `# GRUB Environment Block\n${lines.join('')}`.padEnd(1024, '#')
}

/** Puts the files of a tree into a folder. */
export function plantTree(folder: string, tree: Tree): void {
  for (const [path, what] of Object.entries(tree)) {
    const at = join(folder, path)
    mkdirSync(dirname(at), { recursive: true })
    if (typeof what === 'string' || what instanceof Uint8Array) writeFileSync(at, what)
    else if ('to' in what) symlinkSync(what.to, at)
    else {
      writeFileSync(at, what.exec)
      chmodSync(at, 0o755)
    }
  }
}

export type Filesystem = 'ext4' | 'xfs' | 'btrfs' | 'squashfs'

/** Makes an image file that holds a tree; `options` go to its mkfs. */
export function makeImage(file: string, filesystem: Filesystem, tree: Tree, options: string[] = []): void {
  const folder = mkdtempSync(`${file}-tree-`)
  try {
    plantTree(folder, tree)
    rmSync(file, { force: true })
    MAKERS[filesystem](file, folder, options)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const run = (file: string, ...args: string[]) =>
  execFileSync(file, args, { stdio: ['ignore', 'pipe', 'pipe'] })

const MIB = 2 ** 20

const MAKERS: Record<Filesystem, (file: string, folder: string, options: string[]) => void> = {
  ext4(file, folder, options) {
    sparse(file, 24 * MIB)
    run('mkfs.ext4', '-q', '-d', folder, ...options, file)
  },
  btrfs(file, folder, options) {
    sparse(file, 128 * MIB)
    run('mkfs.btrfs', '-q', '-r', folder, ...options, file)
  },
  squashfs(file, folder, options) {
    run('mksquashfs', folder, file, '-noappend', '-quiet', '-no-progress', ...options)
  },
  // Filled through a mount: what mkfs.xfs takes itself is a list.
  xfs(file, folder, options) {
    sparse(file, 300 * MIB)
    run('mkfs.xfs', '-q', ...options, file)
    mounted(file, (at) => cpSync(folder, at, { recursive: true, verbatimSymlinks: true }))
  },
}

/** Does something to the mounted filesystem of an image. */
export function mounted(file: string, act: (at: string) => void): void {
  const at = mkdtempSync(`${file}-mounted-`)
  try {
    run('mount', '-o', 'loop', file, at)
    try {
      act(at)
    } finally {
      run('umount', at)
    }
  } finally {
    rmSync(at, { recursive: true })
  }
}

function sparse(file: string, size: number): void {
  writeFileSync(file, '')
  truncateSync(file, size)
}
