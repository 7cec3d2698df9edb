import { ERASE_PASSWORD } from '../../../src/system/drive/ata/password.ts'
import type { AtaCapabilities } from '../../../src/system/drive/schema.ts'
import { type Answer, createFakeExec, createWorld, type World } from './drive-world.ts'
import { createMemoryRoot, type MemoryRoot } from './memory-root.ts'

export interface AtaBehaviour {
  /** Milliseconds. */
  takes?: number
  sanitizeEnds?: 'completed' | 'failed' | 'stuck'
  /** Reason in LBA bits 7:0 with which SANITIZE DEVICE is refused. */
  sanitizeRefused?: number
  /** The controller hands on no registers. */
  noRegisters?: boolean
  /** Exit code 0, and nothing happens. */
  lies?: boolean
  /** SECURITY ERASE UNIT: refused at once; begun and then failed; hangs until its time limit. */
  erase?: 'refused' | 'prepare-refused' | 'fails' | 'hangs'
  /** SECURITY SET PASSWORD is refused, or taken without effect. */
  setPassword?: 'refused' | 'ignored'
  disableRefused?: boolean
  /** Suspend to RAM takes the frozen state away. */
  thaws?: boolean
}

export interface FakeAta {
  ran: string[]
  erased: boolean
  password: string | undefined
  security: { locked: boolean; frozen: boolean; attempts: number }
  sanitize: { state: 'idle' | 'running' | 'frozen' | 'failed'; completed: boolean }
  suspends: number
  capabilities: AtaCapabilities
  root: MemoryRoot
  world: World
}

/** 256 words as hdparm prints them, with the checksum of word 255. */
export function printIdentify(changes: Record<number, number>): string {
  const words = new Uint16Array(256)
  words.set([0x746b, 0x7d01, 0x4163, 0x7469, 0xbc01, 0x4163], 82)
  for (const [index, value] of Object.entries(changes)) words[Number(index)] = value
  words[255] = 0xa5
  const bytes = new Uint8Array(words.buffer)
  bytes[511] = -bytes.reduce((sum, byte) => sum + byte, 0) & 255
  const hex = [...words].map((word) => word.toString(16).padStart(4, '0'))
  const lines = Array.from({ length: 32 }, (_, line) => hex.slice(line * 8, line * 8 + 8).join(' '))
  return `\n/dev/sda:\n${lines.join('\n')}\n`
}

/** What `hdparm --verbose` writes of a command without data. */
function trace(
  command: number,
  registers: { status: number; error?: number; count?: number; lba?: number },
): string {
  const { status, error = 0, count = 0, lba = 0 } = registers
  const hex = (value: number) => (value & 255).toString(16).padStart(2, '0')
  const bytes = [9, 12, 1, error, count >> 8, count, 0, lba, 0, lba >> 8, 0, 0, 0x40, status].map(hex)
  return [
    `outgoing cdb:  85 07 20 00 00 00 00 00 00 00 00 00 00 40 ${hex(command)} 00`,
    'SG_IO: ATA_16 status=0x2, host_status=0x0, driver_status=0x8',
    `SG_IO: desc[]:  ${bytes.join(' ')}`,
    '',
  ].join('\n')
}

/** A SATA drive behind hdparm 9.65 that keeps its state. */
export function createFakeAta(
  behaviour: AtaBehaviour = {},
  worldChanges: Parameters<typeof createWorld>[2] = {},
): FakeAta {
  const root = createMemoryRoot('/recording')
  root.put('/sys/block/sda', {
    link: '../devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda',
  })
  const ran: string[] = []
  const capabilities: AtaCapabilities = {
    kind: 'ata',
    sanitize: { supported: true, crypto: true, block: true, overwrite: true, antifreeze: false },
    sanitizeState: 'idle',
    security: {
      supported: true,
      enabled: false,
      locked: false,
      frozen: false,
      countExpired: false,
      enhanced: true,
      eraseMinutes: 8,
      enhancedMinutes: 2,
    },
    sectors: { current: 1000, native: 1000, dco: null, logicalBytes: 512 },
  }
  const drive: FakeAta = {
    ran,
    erased: false,
    password: undefined,
    security: { locked: false, frozen: false, attempts: 0 },
    sanitize: { state: 'idle', completed: false },
    suspends: 0,
    capabilities,
    root,
    world: undefined as unknown as World,
  }
  let ends = 0
  let began = 0
  const exec = createFakeExec((line) => {
    ran.push(line)
    goOn()
    return answer(line)
  })
  drive.world = createWorld(exec, root, worldChanges)
  return drive

  function goOn(): void {
    if (drive.sanitize.state !== 'running' || behaviour.sanitizeEnds === 'stuck') return
    if (ends === 0) ends = drive.world.now() + (behaviour.takes ?? 5000)
    if (drive.world.now() < ends) return
    const failed = behaviour.sanitizeEnds === 'failed'
    drive.sanitize = { state: failed ? 'failed' : 'idle', completed: !failed }
    if (!failed) drive.erased = true
  }

  function answer(line: string): Answer | 'hang' | undefined {
    if (line.startsWith('rtcwake ')) {
      drive.suspends += 1
      if (behaviour.thaws === true) {
        drive.security.frozen = false
        if (drive.sanitize.state === 'frozen') drive.sanitize.state = 'idle'
      }
      return {}
    }
    if (line === 'hdparm --Istdout /dev/sda') return { stdout: identify() }
    if (line.includes('--sanitize-status')) return sanitizeStatus()
    if (line.includes('--sanitize-')) return sanitize()
    if (line.includes('--security-set-pass ')) return setPassword(line)
    if (line.includes('--security-disable ')) return disable()
    if (line.includes('--security-erase')) return erase()
    return undefined
  }

  function identify(): string {
    const { locked, frozen, attempts } = drive.security
    const enabled = drive.password !== undefined
    const bits = [true, enabled, locked, frozen, attempts >= 5, true]
    const word = bits.reduce((sum, is, at) => sum + (is ? 1 << at : 0), 0)
    return printIdentify({ 59: 0xfc00, 85: enabled ? 0x746b : 0x7469, 89: 4, 90: 1, 100: 1000, 128: word })
  }

  function sanitizeStatus(): Answer {
    const head = '\n/dev/sda:\nIssuing SANITIZE_STATUS command\n'
    const idle = `${head}Sanitize status:\n    State:    SD0 Sanitize Idle\n`
    if (behaviour.noRegisters === true) {
      const sent = trace(0xb4, { status: 0 }).replace(/desc\[\]:.*/, 'desc[]:  00 00')
      return { stdout: idle, stderr: sent }
    }
    const { state, completed } = drive.sanitize
    if (state === 'failed') {
      const stderr = `${trace(0xb4, { status: 0x51, error: 4, lba: 1 })}SANITIZE failed: Input/output error\n`
      return { stdout: head, stderr, exitCode: 5 }
    }
    const count =
      (completed ? 0x8000 : 0) + (state === 'running' ? 0x4000 : 0) + (state === 'frozen' ? 0x2000 : 0)
    const share =
      behaviour.sanitizeEnds === 'stuck' ? 0.01 : (drive.world.now() - began) / (behaviour.takes ?? 5000)
    const lba = state === 'running' ? Math.floor(Math.min(1, share) * 65_535) : 0
    return { stdout: idle, stderr: trace(0xb4, { status: 0x50, count, lba }) }
  }

  function sanitize(): Answer {
    if (behaviour.sanitizeRefused !== undefined || drive.sanitize.state === 'frozen') {
      return {
        exitCode: 5,
        stderr: 'SANITIZE failed: Input/output error\nSANITIZE device error reason: Unsupported command\n',
      }
    }
    if (behaviour.lies !== true) {
      drive.sanitize = { state: 'running', completed: false }
      began = drive.world.now()
      ends = began + (behaviour.takes ?? 5000)
    }
    return { stdout: 'Operation started in background\n' }
  }

  function setPassword(line: string): Answer {
    if (drive.security.frozen || behaviour.setPassword === 'refused') {
      return { exitCode: 5, stderr: 'SECURITY_SET_PASS: Input/output error\n' }
    }
    if (behaviour.setPassword !== 'ignored') drive.password = line.split(' ').at(-2)
    return {}
  }

  function disable(): Answer {
    const { attempts, frozen } = drive.security
    if (behaviour.disableRefused === true || frozen || attempts >= 5 || drive.password !== ERASE_PASSWORD) {
      drive.security.attempts += 1
      return { exitCode: 5, stderr: 'SECURITY_UNLOCK: Input/output error\n' }
    }
    drive.password = undefined
    drive.security.locked = false
    return {}
  }

  function erase(): Answer | 'hang' {
    if (behaviour.lies === true) return {}
    if (behaviour.erase === 'prepare-refused')
      return { exitCode: 5, stderr: 'ERASE_PREPARE: Input/output error\n' }
    const refused = { exitCode: 5, stderr: 'SECURITY_ERASE: Input/output error\n' }
    if (behaviour.erase === 'refused' || drive.password !== ERASE_PASSWORD) {
      if (drive.password !== ERASE_PASSWORD) drive.security.attempts += 1
      return refused
    }
    drive.world.pass(behaviour.takes ?? 5000)
    if (behaviour.erase === 'fails') return refused
    if (behaviour.erase === 'hangs') return 'hang'
    drive.erased = true
    drive.password = undefined
    drive.security.locked = false
    return {}
  }
}
