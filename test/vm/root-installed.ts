import { mkdir, mkdtemp, rename, rm, rmdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { renderChooser, renderSum, SLOTS, slotFiles } from '../../src/root/loader/chooser.ts'
import { formatEnvBlock } from '../../src/root/loader/env-block.ts'
import { CONFIG_DEFAULTS, GRUB_MODULES, renderGrubConfig } from '../../src/root/loader/grub-cfg.ts'
import { parseConsoles } from '../../src/root/loader/kernel-arguments.ts'
import { formatTrialEnv } from '../../src/root/loader/trial-env.ts'
import { imageNames } from '../../src/root/names.ts'
import type { Exec } from '../../src/system/exec.ts'
import {
  copyToFat,
  installBiosGrub,
  makeDisk,
  makeFat,
  makeUefiGrub,
  type Partition,
  partitionOffset,
  writeTree,
} from './grub-disk.ts'
import { SPARED, SWIFT } from './root-host.ts'

const ESP_MIB = 48
const UUID = '5eed1500-0000-4000-8000-000000000001'

/** A disk of a host with the hn-root layout: BIOS boot partition with GRUB, EFI-BOOT, hostpart. */
export interface InstalledDisk {
  file: string
  /** Of hostpart, in bytes. */
  offset: number
  sizeMiB: number
}

/** What GRUB adds to every kernel's command line: the emulated processor is slow, and none of it is a lock-up. */
const APPEND = ['softlockup_panic=0', 'nmi_watchdog=0', ...SWIFT]

/** Installs a host with this image as its current one. Images lie on hostpart by these names. */
export async function installDisk(
  file: string,
  images: Readonly<Record<string, string>>,
  { sizeMiB, append = [] }: { sizeMiB: number; append?: readonly string[] },
  exec: Exec,
): Promise<InstalledDisk> {
  const config = renderGrubConfig({
    ...CONFIG_DEFAULTS,
    timeout: 0,
    pause: 5,
    hostpart: { uuid: UUID, label: 'hostpart' },
    names: imageNames(),
    consoles: parseConsoles('ttyS0'),
    append: [...APPEND, ...append],
  })
  const tree = {
    'grub/grub.cfg': renderChooser(),
    'grub/speediso-1.env': formatTrialEnv({ seq: 1 }),
    'grub/speediso-2.env': formatTrialEnv({ seq: 1 }),
    ...Object.fromEntries(
      SLOTS.flatMap((slot) => [
        [slotFiles(slot).config, config],
        [slotFiles(slot).sum, renderSum(config, slot)],
      ]),
    ),
  }
  const esp = `${file}.esp`
  makeFat(esp, 'EFI-BOOT', ESP_MIB)
  writeTree(`${file}.tree`, tree)
  const grub = { prefix: '(hd0,gpt2)/grub', modules: GRUB_MODULES }
  await mkdir(`${file}.tree/EFI/BOOT`, { recursive: true })
  makeUefiGrub(`${file}.tree/EFI/BOOT/BOOTX64.EFI`, { ...grub, modulesDir: '/usr/lib/grub/x86_64-efi' })
  copyToFat(esp, `${file}.tree`)
  await rm(`${file}.tree`, { recursive: true })
  const partitions: Partition[] = [
    { type: 'bios-boot', sizeMiB: 1 },
    { type: 'esp', sizeMiB: ESP_MIB, content: esp },
    { type: 'linux', sizeMiB },
  ]
  makeDisk(file, partitions)
  await rm(esp)
  installBiosGrub(file, { ...grub, modulesDir: '/usr/lib/grub/i386-pc' })
  const offset = partitionOffset(partitions, 2)
  const place = ['-E', `offset=${offset}`, file, `${sizeMiB * 1024}k`]
  await exec('mke2fs', ['-q', '-F', '-t', 'ext4', '-L', 'hostpart', '-U', UUID, ...place])
  const disk = { file, offset, sizeMiB }
  await onHostpart(disk, exec, async (dir) => {
    await mkdir(join(dir, 'data'))
    for (const [name, image] of Object.entries(images)) {
      await exec('cp', ['--sparse=always', image, join(dir, name)])
    }
  })
  return disk
}

/** Mounts hostpart of a disk that no machine uses for as long as the work lasts. */
export async function onHostpart<T>(
  { file, offset, sizeMiB }: InstalledDisk,
  exec: Exec,
  work: (dir: string) => Promise<T>,
): Promise<T> {
  return mounted(file, ['--offset', `${offset}`, '--sizelimit', `${sizeMiB * 2 ** 20}`], exec, work)
}

async function mounted<T>(
  file: string,
  window: string[],
  exec: Exec,
  work: (dir: string) => Promise<T>,
): Promise<T> {
  const { stdout } = await exec('losetup', ['--find', '--show', ...window, file])
  const loop = stdout.trim()
  const dir = await mkdtemp(`${file}.mount-`)
  try {
    await exec('mount', [loop, dir])
    try {
      return await work(dir)
    } finally {
      await exec('umount', [dir])
    }
  } finally {
    await exec('losetup', ['--detach', loop])
    await rmdir(dir)
  }
}

/** A shell on the serial console: what a test does in the guest, without network or log-in. */
const SHELL_UNIT = `[Unit]
DefaultDependencies=no
After=multi-user.target
[Service]
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/sh -c 'stty -echo; echo; echo TEST-SHELL; exec /bin/sh'
`

export interface ImageChange {
  id: string
  version: string
  /** Kernel arguments of this image. */
  append?: string
  /** Text files; executable when they begin with #!. */
  files?: Readonly<Record<string, string>>
  /** Leave the network and the like on. */
  whole?: boolean
}

/** A copy of a root image as another version, with a shell on its console. */
export async function makeVersion(
  from: string,
  to: string,
  change: ImageChange,
  exec: Exec,
): Promise<string> {
  const { id, version, append, files = {}, whole = false } = change
  await exec('cp', ['--sparse=always', from, `${to}.making`])
  await mounted(`${to}.making`, [], exec, async (root) => {
    const put = async (path: string, content: string | Buffer) => {
      const target = join(root, path)
      await mkdir(dirname(target), { recursive: true })
      await rm(target, { force: true })
      await writeFile(target, content, { mode: content.toString().startsWith('#!') ? 0o755 : 0o644 })
    }
    const variables = [
      ['image', id],
      ['version', version],
      ...(append === undefined ? [] : [['append', append]]),
    ]
    await put('boot/speediso.env', formatEnvBlock(variables as [string, string][]))
    await put('etc/systemd/system/test-shell.service', SHELL_UNIT)
    const wants = join(root, 'etc/systemd/system/multi-user.target.wants')
    await mkdir(wants, { recursive: true })
    await symlink('../test-shell.service', join(wants, 'test-shell.service'))
    for (const unit of whole ? [] : SPARED) {
      const path = join(root, 'etc/systemd/system', unit)
      await rm(path, { force: true, recursive: true })
      await symlink('/dev/null', path)
    }
    for (const [path, text] of Object.entries(files)) await put(path, text)
  })
  await rename(`${to}.making`, to)
  return to
}
