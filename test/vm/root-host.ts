import { appendFile, copyFile, link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeCpio } from '../../packaging/lib/cpio.ts'
import type { Exec } from '../../src/system/exec.ts'

/** Folder of the root image that was built last; SPEEDISO_ROOT_IMAGE_DIR names another one. */
export function currentRootImageDir(env: NodeJS.ProcessEnv = process.env): string {
  return (
    env.SPEEDISO_ROOT_IMAGE_DIR || fileURLToPath(new URL('../../dist/image-root/current', import.meta.url))
  )
}

/**
 * Units that a boot in a virtual machine can do without, and its time is half for it: udev of the root, network, SSH,
 * log-in. Without systemd-logind the power button does nothing.
 */
export const SPARED = `systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket
  systemd-udev-trigger.service systemd-udev-load-credentials.service systemd-timesyncd.service
  systemd-resolved.service systemd-networkd.service systemd-networkd.socket
  systemd-networkd-persistent-storage.service ssh.service sshd-keygen.service systemd-logind.service getty.target
  dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount
  sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount systemd-binfmt.service kmod-static-nodes.service
  systemd-tmpfiles-setup-dev.service systemd-tmpfiles-setup-dev-early.service systemd-sysctl.service dbus.service
  dbus.socket systemd-modules-load.service systemd-random-seed.service tmp.mount run-lock.mount
  systemd-tmpfiles-clean.timer`.split(/\s+/)

/**
 * Kernel parameters of a quick boot in an emulator. The BPF security module costs systemd seconds; and QEMU up to 8.0
 * translates a library anew wherever it lies in memory, so it shall lie at one place for all programs.
 */
export const SWIFT = ['lsm=landlock,yama', 'norandmaps', 'loglevel=6', 'systemd.show_status=no']

/** The same, and without the units that a test can do without. */
export const quickBoot = (spared: readonly string[] = SPARED) =>
  [...SWIFT, ...spared.map((unit) => `systemd.mask=${unit}`)].join(' ')

/** Puts files into an ext4 image without mounting it: path in the image -> text; and links: path -> target. */
export async function putInto(
  image: string,
  {
    files,
    links = {},
  }: { files: Readonly<Record<string, string>>; links?: Readonly<Record<string, string>> },
  exec: Exec,
): Promise<void> {
  const work = `${image}.put`
  await mkdir(work)
  try {
    const commands: string[] = []
    for (const [index, [path, text]] of Object.entries(files).entries()) {
      const local = join(work, String(index))
      await writeFile(local, text)
      commands.push(`cd ${dirname(path)}`, `write ${local} ${basename(path)}`)
    }
    for (const [path, target] of Object.entries(links)) {
      commands.push(`cd ${dirname(path)}`, `symlink ${basename(path)} ${target}`)
    }
    const list = join(work, 'commands')
    await writeFile(list, `${commands.join('\n')}\n`)
    await exec('debugfs', ['-w', '-f', list, image])
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** An initramfs in which another program stands for speediso: of the archives in one, the last one counts. */
export async function withProgram(initramfs: string, script: string, to: string): Promise<string> {
  await copyFile(initramfs, to)
  const [program, archive] = [`${to}.program`, `${to}.cpio`]
  await writeFile(program, script)
  await writeCpio(archive, { name: 'usr/bin/speediso', file: program, mode: 0o755 })
  // The kernel knows an archive that is not compressed only where it begins at a multiple of 4 bytes (init/initramfs.c).
  const { size } = await stat(to)
  await appendFile(to, Buffer.concat([Buffer.alloc(-size & 3), await readFile(archive)]))
  await Promise.all([rm(program), rm(archive)])
  return to
}

const MIB = 1024 * 1024

/** A disk that is nothing but hostpart, an ext4 filesystem with these images: name -> file. Holes stay holes. */
export async function makeHostpart(
  disk: string,
  images: Readonly<Record<string, string>>,
  exec: Exec,
  { label = 'hostpart', sizeMiB = 3072 }: { label?: string; sizeMiB?: number } = {},
): Promise<void> {
  const content = `${disk}.content`
  await mkdir(join(content, 'data'), { recursive: true })
  try {
    for (const [name, file] of Object.entries(images)) await link(file, join(content, name))
    await writeFile(disk, '', { flag: 'wx' })
    await exec('mke2fs', [
      '-q',
      '-F',
      '-t',
      'ext4',
      '-L',
      label,
      '-d',
      content,
      disk,
      `${(sizeMiB * MIB) / 1024}k`,
    ])
  } finally {
    await rm(content, { recursive: true, force: true })
  }
}

/** What a filesystem says of its end: `clean`, and whether its journal has to be replayed. */
export async function filesystemState(
  disk: string,
  exec: Exec,
): Promise<{ state: string; recover: boolean }> {
  const { stdout } = await exec('dumpe2fs', ['-h', disk])
  const state = /^Filesystem state: +(.*)$/m.exec(stdout)?.[1] ?? 'unknown'
  return { state, recover: /needs_recovery/.test(stdout) }
}

/** Text of a file in an ext4 filesystem, without mounting it; undefined when it is not there. */
export async function readFrom(disk: string, path: string, exec: Exec): Promise<string | undefined> {
  const { stdout, stderr } = await exec('debugfs', ['-R', `cat ${path}`, disk])
  return /File not found/.test(stderr) ? undefined : stdout
}
