import * as assert from 'uvu/assert'
import { liveUrl, readLive } from '../../src/live/client.ts'
import { REPORT_PATH } from '../../src/live/protocol.ts'
import type { Event } from '../../src/runtime/events.ts'
import { type Report, reportSchema } from '../../src/runtime/report.ts'
import { type Inventory, inventorySchema } from '../../tasks/inventory/schema.ts'
import {
  type BootedImage,
  type BootImageOptions,
  bootImage,
  currentImageDir,
  type FileServer,
  type HarnessDeps,
  type Machine,
} from './harness/index.ts'
import { quickBoot } from './root-host.ts'

const LOG_PORT = 7373
const TOKEN = 'token-of-the-tests'
export const MINUTE = 60_000

/** A netbooted machine of which the job's events are read from its live log. */
export interface Guest extends AsyncDisposable {
  readonly booted: BootedImage
  /** All events of its job, from the first to `job.end`. */
  readonly events: readonly Event[]
  readonly report: Report
}

export interface GuestOptions extends Partial<Omit<BootImageOptions, 'cmdline'>> {
  /** As it boots in a data centre: with everything that a job can do without. */
  whole?: boolean
  /** What is asked of speediso. */
  ask: string | ((server: FileServer) => string)
}

export const imageDir = currentImageDir()

/** Units of the image that no job needs, and their start is a third of its boot in an emulator. */
const SPARED = `systemd-timesyncd.service systemd-networkd-persistent-storage.service
  systemd-tpm2-setup.service systemd-tpm2-setup-early.service systemd-pcrphase.service
  dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount
  sys-fs-fuse-connections.mount systemd-binfmt.service kmod-static-nodes.service systemd-random-seed.service
  systemd-sysctl.service systemd-tmpfiles-clean.timer getty.target systemd-logind.service dbus.service dbus.socket
  systemd-user-sessions.service`.split(/\s+/)

/** Netboots the image; does not wait for anything. */
export async function netboot(
  { ask, whole = false, ...options }: GuestOptions,
  deps: HarnessDeps,
): Promise<BootedImage> {
  return bootImage(
    {
      imageDir,
      firmware: 'bios',
      memoryMiB: 1024,
      forwardedPorts: [22, LOG_PORT],
      ...options,
      cmdline: (server) =>
        [
          ...(whole ? [] : [quickBoot(SPARED)]),
          `speediso.log.token=${TOKEN}`,
          typeof ask === 'string' ? ask : ask(server),
        ]
          .join(' ')
          .trim(),
    },
    deps,
  )
}

/** Netboots the image and follows its job to the end. */
export async function runGuest(options: GuestOptions, deps: HarnessDeps): Promise<Guest> {
  await using made = new AsyncDisposableStack()
  const booted = made.use(await netboot(options, deps))
  const { machine } = booted
  const events = await readJob(await speedisoLog(machine))
  const base = `127.0.0.1:${machine.port(LOG_PORT)}`
  const report = await fetchReport(`http://${base}${REPORT_PATH}?token=${TOKEN}`)
  const owned = made.move()
  return { booted, events, report, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Address of a machine's live log, once its console says that there is one; a machine that ends before fails the wait. */
export async function speedisoLog(machine: Machine): Promise<string> {
  await machine.serial.waitFor('Live log: http://', { limit: 8 * MINUTE })
  return `http://127.0.0.1:${machine.port(LOG_PORT)}/#token=${TOKEN}`
}

/** All events of a job, from the first to `job.end`, without a gap. */
export async function readJob(url: string): Promise<Event[]> {
  const events: Event[] = []
  for await (const message of readLive(liveUrl(url, 0), AbortSignal.timeout(5 * MINUTE))) {
    if (!('event' in message)) continue
    events.push(message.event)
    if (message.event.kind === 'job.end') break
  }
  assert.is(events.at(-1)?.kind, 'job.end', 'the live log ended before the job did')
  assert.equal(
    events.map((event) => event.seq),
    events.map((_, i) => i + 1),
    'events are numbered without a gap',
  )
  return events
}

async function fetchReport(url: string): Promise<Report> {
  for (const until = Date.now() + MINUTE; ; ) {
    const answer = await fetch(url)
    if (answer.ok) return reportSchema.parse(await answer.json())
    if (answer.status !== 404 || Date.now() > until) throw new Error(`the report: HTTP ${answer.status}`)
  }
}

/** The inventory in a report. */
export function inventoryOf(report: Report): Inventory {
  return inventorySchema.parse(report.tasks.find(({ task }) => task === 'inventory')?.result)
}
