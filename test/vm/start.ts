import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describeReport } from '../../src/cli/describe.ts'
import { explain } from '../../src/errors.ts'
import { exitCode } from '../../src/exit.ts'
import { liveUrl, readLive } from '../../src/live/client.ts'
import { REPORT_PATH } from '../../src/live/protocol.ts'
import { formatEvent } from '../../src/runtime/format.ts'
import { type Report, reportSchema } from '../../src/runtime/report.ts'
import { registry } from '../../tasks/registry.ts'
import { type BootedImage, bootImage, type Disk, harnessDeps } from './harness/index.ts'

/** `npm start`: netboots the live image in a virtual machine, shows its inventory live, and keeps its report. */
const MINUTE = 60_000
const LOG_PORT = 7373
const TOKEN = 'npm-start-only'
const START_UUID = '53504545-4449-534f-8000-000000000001'
const DISKS: Disk[] = [
  { kind: 'nvme', serial: 'NVME-0001', sizeMiB: 2048 },
  { kind: 'sata', serial: 'SATA-0001', sizeMiB: 1024, wwn: '5000c50000000001', rotational: true },
  { kind: 'scsi', serial: 'SCSI-0001', sizeMiB: 1024, wwn: '5000c50000000002' },
  { kind: 'virtio', serial: 'VIRTIO-0001', sizeMiB: 512 },
]
/** Lines of the serial console that tell how far the boot is, before there is a live log. */
const MILESTONES = /iPXE .*--|speediso(-milestone)?: |Linux version/

const project = join(import.meta.dirname, '../..')
const output = join(project, 'dist/start')
const say = (line: string) => process.stdout.write(`${line}\n`)

async function main(): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const deps = harnessDeps({ signal: stop.signal, log: say })
  say('start: a virtual machine with four disks netboots dist/image/current with SPEEDISO=inventory')
  await using booted = await bootImage(
    {
      imageDir: join(project, 'dist/image/current'),
      firmware: 'uefi',
      cmdline: `SPEEDISO=inventory speediso.log.token=${TOKEN}`,
      disks: DISKS,
      forwardedPorts: [LOG_PORT],
      limit: 10 * MINUTE,
      smbios: {
        system: { manufacturer: 'speediso', product: 'npm start', serial: 'START-0001', uuid: START_UUID },
      },
    },
    deps,
  )
  say(`kernel command line: ${booted.cmdline}`)
  const base = `127.0.0.1:${booted.machine.port(LOG_PORT)}`
  const boot = showBoot(booted, stop.signal)
  await showEvents(base, booted, stop.signal)
  boot.abort()
  const report = await fetchReport(base)
  await mkdir(output, { recursive: true })
  const file = join(output, 'report.json')
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`)
  say('')
  for (const line of await describeReport(report, registry)) say(line)
  say(`\nThe whole report: ${file}`)
  process.exitCode = exitCode({ outcome: report.verdict })
}

/** Prints the boot's milestones from the serial console, until told to stop. */
function showBoot({ machine }: BootedImage, signal: AbortSignal): AbortController {
  const own = new AbortController()
  const either = AbortSignal.any([signal, own.signal])
  let shown = 0
  const show = async () => {
    while (!either.aborted) {
      await machine.serial.waitFor(MILESTONES, { since: shown, signal: either, limit: 10 * MINUTE })
      for (; shown < machine.serial.length; shown += 1) {
        const line = machine.serial.lines[shown] ?? ''
        if (MILESTONES.test(line)) say(`  ${line}`)
      }
    }
  }
  // How the machine ended is told by whoever waits for its events.
  show().catch(() => {})
  return own
}

/** Prints events until the job ends; connects as soon as the guest answers, and again when it is cut off. */
async function showEvents(base: string, { machine }: BootedImage, signal: AbortSignal): Promise<void> {
  const ended = machine.waitForEnd({ limit: 10 * MINUTE }).then(() => {
    throw new Error('the machine ended before its job did')
  })
  const follow = async () => {
    let seen = 0
    for (;;) {
      try {
        for await (const message of readLive(liveUrl(`ws://${base}/?token=${TOKEN}`, seen), signal)) {
          if ('hello' in message)
            say(`live log of host ${message.hello.host}, image ${message.hello.image?.version}`)
          else {
            say(`  ${formatEvent(message.event)}`)
            seen = message.event.seq
            if (message.event.kind === 'job.end') return
          }
        }
      } catch {
        // The guest does not listen yet: its port answers only when it does.
      }
      await sleep(500, undefined, { signal })
    }
  }
  await Promise.race([follow(), ended])
}

/** The report is written right after the last event. */
async function fetchReport(base: string): Promise<Report> {
  for (;;) {
    const answer = await fetch(`http://${base}${REPORT_PATH}?token=${TOKEN}`)
    if (answer.ok) return reportSchema.parse(await answer.json())
    if (answer.status !== 404) throw new Error(`the report: HTTP ${answer.status}`)
    await sleep(200)
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`start: ${explain(error)}\n`)
  process.exitCode = exitCode({ error })
})
