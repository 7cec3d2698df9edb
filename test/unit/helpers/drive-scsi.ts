import type { ScsiCapabilities } from '../../../src/system/drive/schema.ts'
import { type Answer, createFakeExec, createWorld, type World } from './drive-world.ts'
import { createMemoryRoot } from './memory-root.ts'

export interface ScsiBehaviour {
  /** Milliseconds. */
  takes?: number
  ends?: 'ready' | 'failed' | 'stuck'
  /** Exit code of sg_sanitize and sg_format with which the drive refuses. */
  refuses?: number
  /** GOOD, and nothing happens. */
  lies?: boolean
  withoutProgress?: boolean
  /** A format that ends with the block length that it had. */
  keepsLength?: boolean
  /** Descriptor format sense data. */
  descriptor?: boolean
}

export interface FakeScsi {
  ran: string[]
  erased: boolean
  logicalBytes: number
  busy: 'none' | 'sanitize' | 'format'
  failed: 'none' | 'sanitize' | 'format'
  capabilities: ScsiCapabilities
  world: World
}

/** A SAS drive behind sg3-utils 1.48 that keeps its state. */
export function createFakeScsi(
  behaviour: ScsiBehaviour = {},
  logicalBytes = 512,
  worldChanges: Parameters<typeof createWorld>[2] = {},
): FakeScsi {
  const ran: string[] = []
  const capabilities: ScsiCapabilities = {
    kind: 'scsi',
    sanitize: { crypto: true, block: true, overwrite: true },
    format: true,
    logicalBytes,
    running: 'none',
  }
  const drive: FakeScsi = {
    ran,
    erased: false,
    logicalBytes,
    busy: 'none',
    failed: 'none',
    capabilities,
    world: undefined as unknown as World,
  }
  let began = 0
  let size: number | undefined
  const exec = createFakeExec((line) => {
    ran.push(line)
    goOn()
    if (line === 'sg_requests --hex /dev/sda') return { stdout: requestSense() }
    if (line === 'sg_readcap --json --16 --readonly /dev/sda') return readCapacity()
    if (line.startsWith('sg_sanitize ')) return begin('sanitize', undefined)
    if (line.startsWith('sg_format ')) return begin('format', /--size=(\d+)/.exec(line)?.[1])
    return undefined
  })
  drive.world = createWorld(exec, createMemoryRoot('/recording'), worldChanges)
  return drive

  function goOn(): void {
    if (drive.busy === 'none' || behaviour.ends === 'stuck') return
    if (drive.world.now() - began < (behaviour.takes ?? 5000)) return
    if (behaviour.ends === 'failed') drive.failed = drive.busy
    else {
      drive.erased = true
      if (size !== undefined && behaviour.keepsLength !== true) drive.logicalBytes = size
    }
    drive.busy = 'none'
  }

  function begin(what: 'sanitize' | 'format', wanted: string | undefined): Answer {
    const { refuses } = behaviour
    const name = what === 'sanitize' ? 'Sanitize' : 'Format unit'
    if (refuses !== undefined) return { exitCode: refuses, stderr: `${name} failed: Illegal request\n` }
    if (behaviour.lies !== true) {
      drive.busy = what
      drive.failed = 'none'
      began = drive.world.now()
      size = wanted === undefined ? undefined : Number(wanted)
    }
    return what === 'format' ? { stdout: '\nFormat unit has started\n' } : {}
  }

  function requestSense(): string {
    const [key, asc, ascq] = state()
    const share = behaviour.ends === 'stuck' ? 0.01 : (drive.world.now() - began) / (behaviour.takes ?? 5000)
    const states = drive.busy !== 'none' && behaviour.withoutProgress !== true
    const progress = Math.floor(Math.min(1, share) * 65_535)
    const end = states ? [0x80, progress >> 8, progress & 255] : [0, 0, 0]
    const fixed = [0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, ...end]
    const descriptor = [0x72, key, asc, ascq, 0, 0, 0, 8, 2, 6, 0, 0, ...end, 0]
    return printHex(behaviour.descriptor === true ? descriptor : fixed)
  }

  function state(): [number, number, number] {
    if (drive.busy !== 'none') return [2, 4, drive.busy === 'sanitize' ? 0x1b : 4]
    if (drive.failed !== 'none') return [3, 0x31, drive.failed === 'sanitize' ? 3 : 1]
    return [0, 0, 0]
  }

  function readCapacity(): Answer {
    if (drive.busy !== 'none') return { exitCode: 2, stderr: 'READ CAPACITY (16) failed: Device not ready\n' }
    const data = { returned_logical_block_address: 1999, logical_block_length_in_bytes: drive.logicalBytes }
    return { stdout: JSON.stringify({ read_capacity_16_parameter_data: data }) }
  }
}

/** As sg3-utils prints bytes. */
function printHex(bytes: number[]): string {
  const hex = (value: number) => value.toString(16).padStart(2, '0')
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const part = bytes.slice(at, at + 16).map(hex)
    const [left, right] = [part.slice(0, 8).join(' '), part.slice(8).join(' ')]
    lines.push(` ${hex(at)}     ${left}${right === '' ? '' : `  ${right}`}`)
  }
  return `${lines.join('\n')}\n`
}
