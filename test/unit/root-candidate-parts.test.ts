import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError } from '../../src/errors.ts'
import { checkFilesystem } from '../../src/root/candidate/check-filesystem.ts'
import { findInImage } from '../../src/root/candidate/in-image.ts'
import { initramfsFormat, readKernel } from '../../src/root/candidate/kernel.ts'
import { LookError, mountImage } from '../../src/root/candidate/mounted.ts'
import { checkReadByGrub } from '../../src/root/candidate/read-by-grub.ts'
import { Refusal } from '../../src/root/candidate/refusal.ts'
import { describeOther, parseSuperblock } from '../../src/root/candidate/superblock.ts'
import type { Exec } from '../../src/system/exec.ts'
import { fakeKernel } from '../block/helpers/root-image.ts'
import { temporaryDir } from './helpers/temporary.ts'

const signal = new AbortController().signal
const dir = temporaryDir()

test('kernels: bzImage, arm64, and what is none', () => {
  const kernel = fakeKernel('6.12.107+deb13-amd64')
  const { format, arch, release, bytes } = readKernel(kernel) ?? {}
  assert.equal([format, arch, release, bytes], ['bzImage', 'x64', '6.12.107+deb13-amd64', kernel.length])
  const spoil = (change: (copy: Buffer) => void) => {
    const copy = Buffer.from(kernel)
    change(copy)
    return readKernel(copy)
  }
  assert.is(
    spoil((copy) => copy.write('HdrX', 0x202)),
    undefined,
  )
  assert.is(
    spoil((copy) => copy.writeUInt16LE(0, 0x1fe)),
    undefined,
  )
  assert.is(
    spoil((copy) => copy.writeUInt16LE(0, 0x20e)),
    undefined,
  )
  assert.is(
    spoil((copy) => copy.writeUInt16LE(0xffff, 0x20e)),
    undefined,
  )
  assert.is(readKernel(kernel.subarray(0, 0x300)), undefined)
  assert.is(readKernel(Buffer.alloc(0)), undefined)

  const arm = Buffer.alloc(10_000)
  arm.write('ARM\x64', 56, 'latin1')
  assert.is(readKernel(arm), undefined)
  arm.write('Linux version %s (%s)', 500)
  arm.write('Linux version 6.12.1-arm64 (nobody@nowhere)', 3000)
  assert.equal(readKernel(arm)?.release, '6.12.1-arm64')
  assert.is(readKernel(arm)?.arch, 'arm64')
})

test('initramfs formats', () => {
  assert.is(initramfsFormat(Buffer.from('070701000')), 'cpio')
  assert.is(initramfsFormat(Buffer.from('28b52ffd00', 'hex')), 'zstd')
  assert.is(initramfsFormat(Buffer.from('1f8b08', 'hex')), 'gzip')
  assert.is(initramfsFormat(Buffer.from('fd377a585a00', 'hex')), 'xz')
  assert.is(initramfsFormat(Buffer.from('0707')), undefined)
  assert.is(initramfsFormat(Buffer.alloc(16)), undefined)
})

test('superblocks that were never finished, or were left open', () => {
  const head = Buffer.alloc(0x10000 + 4096)
  assert.is(parseSuperblock(head), undefined)
  assert.match(String(describeOther(head)), 'not copied whole')
  const ext = Buffer.from(head)
  ext.writeUInt16LE(0xef53, 1024 + 0x38)
  ext.writeUInt32LE(100, 1024 + 4)
  ext.writeUInt32LE(2, 1024 + 0x18)
  ext.writeUInt16LE(1, 1024 + 0x3a)
  assert.equal(parseSuperblock(ext), {
    type: 'ext2',
    uuid: '00000000-0000-0000-0000-000000000000',
    bytes: 409_600,
  })
  ext.writeUInt16LE(0, 1024 + 0x3a)
  assert.match(parseSuperblock(ext)?.unclean ?? '', 'mounted')
  ext.writeUInt16LE(3, 1024 + 0x3a)
  assert.match(parseSuperblock(ext)?.unclean ?? '', 'errors')
  ext.writeUInt32LE(4, 1024 + 0x5c)
  ext.writeUInt32LE(0x80 | 0x4 | 0x40, 1024 + 0x60)
  ext.writeUInt32LE(1, 1024 + 0x150)
  const large = parseSuperblock(ext)
  assert.equal(
    [large?.type, large?.bytes, large?.unclean],
    ['ext4', (2 ** 32 + 100) * 4096, 'its journal has to be replayed'],
  )
  const btrfs = Buffer.from(head)
  btrfs.write('_BHRfS_M', 0x10040)
  btrfs.writeBigUInt64LE(2n, 0x10088)
  assert.match(parseSuperblock(btrfs)?.unclean ?? '', '2 devices')
  btrfs.writeBigUInt64LE(1n, 0x10088)
  btrfs.writeBigUInt64LE(5n, 0x10060)
  assert.match(parseSuperblock(btrfs)?.unclean ?? '', 'log tree')
  const xfs = Buffer.from(head)
  xfs.write('XFSB')
  xfs[126] = 1
  assert.match(parseSuperblock(xfs)?.unclean ?? '', 'not finished')
})

test('paths in an image never lead out of it', async () => {
  const root = join(dir, 'image')
  mkdirSync(join(root, 'a/b'), { recursive: true })
  writeFileSync(join(dir, 'outside'), 'x')
  writeFileSync(join(root, 'inside'), 'x')
  const links: [string, string, 'file' | 'missing'][] = [
    ['up', '../outside', 'missing'],
    ['a/b/far', '../../../outside', 'missing'],
    ['absolute', join(dir, 'outside'), 'missing'],
    ['absolute-in', '/inside', 'file'],
    ['a/b/clamped', '../../../../../inside', 'file'],
    ['chain', '/a/b/clamped', 'file'],
    ['a/dir', '..', 'missing'],
    ['circle', 'circle', 'missing'],
    ['through', '/inside/x', 'missing'],
  ]
  for (const [name, to] of links) symlinkSync(to, join(root, name))
  for (const [name, , kind] of links.filter(([name]) => name !== 'a/dir'))
    assert.is((await findInImage(root, `/${name}`)).kind, kind, name)
  assert.is((await findInImage(root, '/a/dir/inside')).kind, 'file')
  assert.is((await findInImage(root, '/a/dir')).kind, 'folder')
  assert.is((await findInImage(root, '/../../..')).kind, 'folder')
  assert.is((await findInImage(root, '/inside/..')).kind, 'missing')
})

const failing =
  (exitCode: number | undefined, stderr: string): Exec =>
  async (file) => {
    throw new CommandError(`${file} failed`, {
      facts: { exitCode, stdout: '', stderr, timedOut: exitCode === undefined },
    })
  }
const outcome = (act: Promise<unknown>) => act.catch((error: unknown) => error)

test('a checker that finds errors refuses; one that was ended proves nothing either way', async () => {
  const ext4 = { type: 'ext4', bytes: 1 } as const
  const found = await outcome(
    checkFilesystem('f', ext4, { exec: failing(4, 'Superblock checksum is wrong'), signal }),
  )
  assert.instance(found, Refusal)
  assert.match((found as Error).message, 'e2fsck: Superblock checksum is wrong')
  const ended = await outcome(checkFilesystem('f', ext4, { exec: failing(undefined, ''), signal }))
  assert.instance(ended, CommandError)
  const unread = await outcome(
    checkReadByGrub('f', '/boot/kernel', 'g', { exec: failing(undefined, ''), signal }),
  )
  assert.instance(unread, CommandError)
})

test('whatever goes wrong with a mount, it is undone', async () => {
  const calls: string[] = []
  const exec: Exec = async (file, args) => {
    calls.push(`${file} ${args[0]}`)
    if (file === 'mount') throw new CommandError('mount hangs', { facts: { timedOut: true } })
    return { stdout: '', stderr: '', exitCode: 0 }
  }
  const attach = async (file: string) => {
    calls.push(`attach ${file}`)
    return { path: '/dev/null', [Symbol.asyncDispose]: async () => void calls.push('let go') }
  }
  const error = await outcome(mountImage('f', 'ext4', { exec, signal, folder: dir, attach }))
  assert.instance(error, LookError)
  assert.equal(calls, ['attach f', 'mount -t', 'umount --lazy', 'let go'])
  const unable = async (file: string) => {
    throw new CommandError(`${file} is not to be had`)
  }
  await outcome(mountImage('f', 'ext4', { exec: unable, signal, folder: dir, attach }))
  assert.equal(
    readdirSync(dir).filter((name) => name.startsWith('image-')),
    [],
  )
  const none = async () => {
    throw new Error('none is free')
  }
  const without = await outcome(mountImage('f', 'ext4', { exec, signal, folder: dir, attach: none }))
  assert.instance(without, LookError)
})

test.run()
