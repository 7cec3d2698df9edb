import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InputError } from '../../../src/errors.ts'
import { type Acceleration, chooseAcceleration } from './acceleration.ts'
import type { HarnessDeps } from './deps.ts'
import { type FileServer, type ServedRequest, serveFiles } from './file-server.ts'
import type { Machine } from './machine.ts'
import { netbootScript } from './netboot.ts'
import type { MachineSpec } from './spec.ts'
import { startMachine } from './start-machine.ts'

export interface BootImageOptions
  extends Pick<MachineSpec, 'firmware'>,
    Partial<Omit<MachineSpec, 'boot' | 'acceleration' | 'firmware'>> {
  /** Folder with vmlinuz, initrd.img, rootfs.squashfs and SHA256SUMS. */
  imageDir: string
  /** Put after the parameters that the boot itself needs; the server is there for its addresses. */
  cmdline?: string | ((server: FileServer) => string)
  acceleration?: MachineSpec['acceleration']
  /** Prepares the server before the machine starts, for example with faults. */
  prepareServer?: (server: FileServer) => void
  onRequest?: (request: ServedRequest) => void
}

export interface BootedImage extends AsyncDisposable {
  readonly machine: Machine
  readonly server: FileServer
  readonly acceleration: Acceleration
  /** The kernel command line that the netboot script gives. */
  readonly cmdline: string
}

export const ROOT_PATH = '/rootfs.squashfs'
const MINUTE = 60_000

/** Folder of the image that was built last; SPEEDISO_IMAGE_DIR names another one. */
export function currentImageDir(env: NodeJS.ProcessEnv = process.env): string {
  return env.SPEEDISO_IMAGE_DIR || fileURLToPath(new URL('../../../dist/image/current', import.meta.url))
}

/**
 * Serves an image over HTTP and netboots a machine from it: firmware, iPXE, script, kernel and initramfs, then the root.
 * @throws InputError when the folder holds no image
 */
export async function bootImage(options: BootImageOptions, deps: HarnessDeps): Promise<BootedImage> {
  const {
    imageDir: named,
    cmdline: extra = '',
    prepareServer,
    onRequest,
    acceleration: wanted,
    ...rest
  } = options
  // A link such as `current` may come to mean another image while this one boots.
  const imageDir = await realpath(named).catch(() => named)
  const sha256 = await rootDigest(imageDir)
  const acceleration =
    wanted === undefined
      ? await chooseAcceleration(join(imageDir, 'vmlinuz'), deps)
      : { use: wanted, reason: 'asked for' }

  await using made = new AsyncDisposableStack()
  const server = made.use(await serveFiles(imageDir, onRequest === undefined ? {} : { onRequest }))
  const root = `root=live:${server.guestUrl(ROOT_PATH)}`
  const cmdline =
    `console=ttyS0 ${root} speediso.sha256=${sha256} ${typeof extra === 'string' ? extra : extra(server)}`.trim()
  const script = netbootScript({
    kernelUrl: server.guestUrl('/vmlinuz'),
    initrdUrl: server.guestUrl('/initrd.img'),
    cmdline,
  })
  server.add('/boot.ipxe', { body: script })
  prepareServer?.(server)
  const spec: MachineSpec = {
    name: `image-${rest.firmware}`,
    memoryMiB: 2048,
    cpus: 1,
    limit: 10 * MINUTE,
    ...rest,
    acceleration: acceleration.use,
    boot: { kind: 'netboot', scriptUrl: server.guestUrl('/boot.ipxe') },
  }
  const machine = made.use(await startMachine(spec, deps))
  const owned = made.move()
  return { machine, server, acceleration, cmdline, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** The SHA-256 of the image's root file system, from its list of digests. */
async function rootDigest(imageDir: string): Promise<string> {
  const file = join(imageDir, 'SHA256SUMS')
  const hint = 'build one with npm run image'
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new InputError(`${imageDir}: there is no image`, { hint, cause })
  })
  const line = text.split('\n').find((entry) => entry.endsWith(ROOT_PATH.slice(1)))
  const digest = /^[0-9a-f]{64}/.exec(line ?? '')?.[0]
  if (digest === undefined) throw new InputError(`${file}: it does not list ${ROOT_PATH.slice(1)}`, { hint })
  return digest
}
