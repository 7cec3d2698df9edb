import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chooseAcceleration, type HarnessDeps, type Machine, startMachine } from './harness/index.ts'
import { currentRootImageDir } from './root-host.ts'
import {
  type ImageChange,
  type InstalledDisk,
  installDisk,
  makeVersion,
  onHostpart,
} from './root-installed.ts'
import { type GuestShell, guestShell } from './root-shell.ts'

const SECOND = 1000
/** Milliseconds until a host is up again, be it after some restarts; twice what a busy machine takes. */
export const UP = 900 * SECOND
const CLOUD = fileURLToPath(new URL('../../dist/image-root-cloud/current', import.meta.url))

/** One installed host, through all of its boots. */
export interface HostLife extends AsyncDisposable {
  readonly machine: Machine
  readonly shell: GuestShell
  /** Before it is started: copies images to hostpart's folder `data`, as NAME.img. */
  put(images: Readonly<Record<string, string>>): Promise<void>
  start(): Promise<void>
  /** Powers the host off, lets people do something to its hostpart, and starts it again. */
  between(work: (hostpart: string) => Promise<void>): Promise<void>
  /** The same: this image is dropped in. */
  drop(image: string): Promise<void>
  /** Restarts it the ordinary way. */
  reboot(): Promise<void>
  confirmed(): Promise<void>
  running(): Promise<{ version: string; kernel: string; outcome: string }>
}

/** What an image is made of: the ordinary root image, or the one with another kernel. */
export type Base = 'plain' | 'cloud'

export interface Versions {
  make(name: string, from: Base, version: number, change?: Partial<ImageChange>): Promise<string>
  dir: string
}

export const idOf = (version: number) => `00000000-0000-4000-8000-${String(version).padStart(12, '0')}`

/** Makes images, and a host that has the first of them. */
export async function installedHost(
  name: string,
  append: string,
  make: (versions: Versions) => Promise<string>,
  deps: HarnessDeps,
): Promise<HostLife> {
  const { exec } = deps
  const dir = await mkdtemp(join(tmpdir(), `speediso-${name}-`))
  const folders = { plain: await realpath(currentRootImageDir()), cloud: await realpath(CLOUD) }
  const { use } = await chooseAcceleration(join(folders.plain, 'vmlinuz'), deps)
  let machine: Machine | undefined
  let shell: GuestShell | undefined
  const end = async () => {
    await machine?.[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  }
  let disk: InstalledDisk
  try {
    const current = await make({
      dir,
      make: (image, from, version, change = {}) =>
        makeVersion(
          join(folders[from], 'hn-root.img'),
          join(dir, `${image}.img`),
          { id: idOf(version), version: String(version), ...change },
          exec,
        ),
    })
    disk = await installDisk(
      join(dir, 'disk'),
      { 'hn-root.img': current },
      { sizeMiB: 8192, append: append.split(' ') },
      exec,
    )
  } catch (error) {
    await end()
    throw error
  }
  const life: HostLife = {
    get machine() {
      if (machine === undefined) throw new Error('the host was not started')
      return machine
    },
    get shell() {
      if (shell === undefined) throw new Error('the host was not started')
      return shell
    },
    async start() {
      machine = await startMachine(
        {
          name,
          firmware: 'bios',
          memoryMiB: 1024,
          cpus: 1,
          acceleration: use,
          boot: { kind: 'disk' },
          disks: [{ kind: 'virtio', serial: 'HOST', sizeMiB: 0, file: disk.file }],
          networkCards: [],
          reboot: 'allow',
          extraArguments: ['-device', 'i6300esb', '-action', 'watchdog=reset', '-machine', 'sata=off'],
          limit: 30 * 60 * SECOND,
        },
        deps,
      )
      shell = guestShell(machine)
      await shell.up(UP)
    },
    async between(work) {
      life.shell.leave('sync; poweroff -f')
      await life.machine.waitForEnd({ limit: UP })
      await life.machine[Symbol.asyncDispose]()
      await onHostpart(disk, exec, work)
      await life.start()
    },
    put: (images) =>
      onHostpart(disk, exec, async (hostpart) => {
        for (const [name, image] of Object.entries(images))
          await exec('cp', ['--sparse=always', image, join(hostpart, 'data', `${name}.img`)])
      }),
    drop: (image) =>
      life.between(async (hostpart) => {
        await exec('cp', ['--sparse=always', image, join(hostpart, 'hn-root-new.img')])
      }),
    async reboot() {
      life.shell.leave('systemctl reboot')
      await life.shell.up(UP)
    },
    async confirmed() {
      await life.shell.ok('while ! [ -e /run/speediso/confirmed ]; do sleep 0.5; done', UP)
    },
    async running() {
      // A message of the kernel may stand in the middle of a line.
      for (let asked = 1; ; asked += 1) {
        const text = await life.shell.ok('cat /run/speediso/root.json; echo "KERNEL $(uname -r)"')
        const value = (pattern: RegExp) => pattern.exec(text)?.[1] ?? ''
        const found = {
          version: value(/"version": "(.*?)"/),
          kernel: value(/KERNEL (\S+)/),
          outcome: value(/"outcome": "(.*?)"/),
        }
        if (Object.values(found).every((each) => each !== '')) return found
        if (asked === 5) throw new Error(`what runs cannot be read: ${text}`)
      }
    },
    [Symbol.asyncDispose]: end,
  }
  return life
}
