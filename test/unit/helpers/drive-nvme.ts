import type { NvmeCapabilities } from '../../../src/system/drive/schema.ts'
import { type Answer, createFakeExec, createWorld, type World } from './drive-world.ts'
import { createMemoryRoot, type MemoryRoot } from './memory-root.ts'

export interface FakeNamespace {
  sectors: number
  lbaFormat: number
  attached: boolean
  erased: boolean
}

export interface NvmeBehaviour {
  /** Milliseconds that a sanitize takes. */
  takes?: number
  sanitizeEnds?: 'completed' | 'failed' | 'stuck'
  /** NVMe status with which commands are refused. */
  sanitizeStatus?: string
  formatStatus?: string
  attachStatus?: string
  /** Exit code 0, and nothing happens. */
  lies?: boolean
  /** The log cannot be read from this moment on, in milliseconds. */
  silentFrom?: number
  /** A command hangs until its time limit, and the format goes on meanwhile for so many milliseconds. */
  formatHangs?: number
}

export interface FakeNvme {
  ran: string[]
  namespaces: Map<number, FakeNamespace>
  log: { sprog: number; status: number; globalErased: number; cdw10: number }
  capabilities: NvmeCapabilities
  /** Of sysfs: nvme0n1 and its like behind nvme0. */
  root: MemoryRoot
  world: World
}

const WORDS: Record<string, string> = {
  '0x4001':
    'Invalid Command Opcode: A reserved coded value or an unsupported value in the command opcode field',
  '0x4002': 'Invalid Field in Command: A reserved coded value or an unsupported value in a defined field',
  '0x410a': 'Invalid Format: The LBA Format specified is not supported',
  '0x4286': 'Access Denied: Access to the namespace and/or LBA range is denied due to lack of access rights',
  '0x4006': 'Internal Error: The command was not completed successfully due to an internal error',
}

const STATUS = [
  'NVM Subsystem has never been sanitized.',
  'Most Recent Sanitize Command Completed Successfully.',
  'Sanitize in Progress.',
  'Most Recent Sanitize Command Failed.',
  'Most Recent Sanitize Command (No-Deallocate After Sanitize) Completed Successfully.',
]

/** Puts a namespace behind the controller at `place`. */
export function plugIn(root: MemoryRoot, at: string, place: string, nqn: string): void {
  root.put(`${at}/device`, null)
  root.put(`${place}/subsysnqn`, nqn)
  root.put(`${place}/serial`, 'S1')
  root.put(`${place}/transport`, 'pcie')
  root.put(`${at}/device`, { link: place })
}

/** An NVMe drive behind nvme-cli 2.13 that keeps its state. */
export function createFakeNvme(
  behaviour: NvmeBehaviour = {},
  changes: Partial<Omit<NvmeCapabilities, 'kind'>> = {},
  worldChanges: Parameters<typeof createWorld>[2] = {},
): FakeNvme {
  const namespaces = new Map<number, FakeNamespace>()
  const log = { sprog: 65_535, status: 0, globalErased: 0, cdw10: 0 }
  const capabilities: NvmeCapabilities = {
    kind: 'nvme',
    controller: '/dev/nvme0',
    subsystem: 'nqn.2014-08.org.example:acme:1',
    namespaces: [{ nsid: 1, attached: true, path: '/dev/nvme0n1', sizeBytes: 2 ** 30, lbaFormat: 0 }],
    sanitize: { crypto: true, block: true, overwrite: true },
    format: {
      supported: true,
      everyNamespace: false,
      eraseEveryNamespace: false,
      crypto: true,
      noBroadcast: false,
    },
    sanitizeState: 'never',
    unallocatedBytes: 0,
    ...changes,
  }
  for (const { nsid, attached, sizeBytes, lbaFormat } of capabilities.namespaces) {
    const sectors = (sizeBytes ?? 0) / (lbaFormat === 1 ? 4096 : 512)
    namespaces.set(nsid, { sectors, lbaFormat: lbaFormat ?? 0, attached, erased: false })
  }
  const ran: string[] = []
  let sanitizeEnds: number | undefined
  let sanitizeBegan = 0
  let formatEnds: number | undefined
  const exec = createFakeExec((line) => {
    ran.push(line)
    return answer(line)
  })
  const root = createMemoryRoot('/recording')
  for (const { nsid, path } of capabilities.namespaces) {
    if (path === null) continue
    const at = path.replace('/dev', '/sys/block')
    root.put(`${at}/nsid`, String(nsid))
    plugIn(root, at, '/devices/pci0000:00/0000:00:1c.0/nvme/nvme0', capabilities.subsystem)
  }
  const world = createWorld(exec, root, worldChanges)
  if (capabilities.sanitizeState === 'running') beginSanitize(2)
  return { ran, namespaces, log, capabilities, root, world }

  function answer(line: string): Answer | 'hang' | undefined {
    goOn()
    const option = (name: string) => new RegExp(`--${name}=(\\S+)`).exec(line)?.[1]
    const nsid = Number(option('namespace-id') ?? 0)
    if (line.startsWith('nvme sanitize-log ')) return sanitizeLog()
    if (line.startsWith('nvme id-ns ')) return identify(nsid)
    if (line.startsWith('nvme sanitize ')) return sanitize(Number(option('sanact')))
    if (line.startsWith('nvme attach-ns ')) return attach(nsid)
    if (line.startsWith('nvme format ')) return format(nsid, Number(option('ses')))
    if (line.startsWith('nvme admin-passthru ')) {
      const sent = format(nsid, (Number(option('cdw10')) >> 9) & 7)
      if (sent === 'hang' || sent.exitCode !== undefined) return sent
      return { stderr: 'Admin Command Format NVM is Success and result: 0x00000000' }
    }
    return undefined
  }

  function goOn(): void {
    if (sanitizeEnds !== undefined) {
      const share = (world.now() - sanitizeBegan) / (behaviour.takes ?? 1)
      if (behaviour.sanitizeEnds === 'stuck') log.sprog = Math.min(655, Math.floor(share * 65_536))
      else if (world.now() < sanitizeEnds) log.sprog = Math.floor(share * 65_536)
      else {
        sanitizeEnds = undefined
        log.sprog = 65_535
        log.status = behaviour.sanitizeEnds === 'failed' ? 3 : 1
        log.globalErased = log.status === 1 ? 1 : 0
        if (log.status === 1) for (const each of namespaces.values()) each.erased = true
      }
    }
    if (formatEnds !== undefined && world.now() >= formatEnds) formatEnds = undefined
  }

  function beginSanitize(action: number): void {
    log.status = 2
    log.sprog = 0
    log.cdw10 = action
    log.globalErased = 0
    sanitizeBegan = world.now()
    sanitizeEnds = sanitizeBegan + (behaviour.takes ?? 5000)
  }

  function sanitize(action: number): Answer {
    if (behaviour.sanitizeStatus !== undefined) return refuse(behaviour.sanitizeStatus)
    if (behaviour.lies !== true) beginSanitize(action)
    return {}
  }

  function refuse(status: string): Answer {
    return { exitCode: 1, stderr: `NVMe status: ${WORDS[status] ?? 'unrecognized'}(${status})\n` }
  }

  function attach(nsid: number): Answer {
    if (behaviour.attachStatus !== undefined) return refuse(behaviour.attachStatus)
    const namespace = namespaces.get(nsid)
    if (namespace !== undefined) namespace.attached = true
    return { stdout: `attach-ns: Success, nsid:${nsid}\n` }
  }

  function format(nsid: number, ses: number): Answer | 'hang' {
    if (behaviour.formatStatus !== undefined) return refuse(behaviour.formatStatus)
    if (behaviour.lies === true) return {}
    const all = capabilities.format.everyNamespace || capabilities.format.eraseEveryNamespace
    const broadcast = capabilities.format.everyNamespace && !capabilities.format.noBroadcast
    const target = namespaces.get(nsid)
    if (target?.attached !== true || ses === 0) return refuse('0x4002')
    for (const [id, each] of namespaces) if (all || id === nsid) each.erased = true
    if (behaviour.formatHangs !== undefined) {
      formatEnds = world.now() + behaviour.formatHangs
      return 'hang'
    }
    return { stdout: `Success formatting namespace:${broadcast ? 'ffffffff' : nsid.toString(16)}\n` }
  }

  function identify(nsid: number): Answer {
    const namespace = namespaces.get(nsid)
    if (namespace?.attached !== true)
      return { stdout: JSON.stringify({ nsze: 0, flbas: 0, fpi: 0, lbafs: [{ ds: 0 }] }) }
    const left = formatEnds === undefined ? 0 : 50
    const { sectors, lbaFormat } = namespace
    return {
      stdout: JSON.stringify({
        nsze: sectors,
        flbas: lbaFormat,
        fpi: 128 + left,
        lbafs: [{ ds: 9 }, { ds: 12 }],
      }),
    }
  }

  function sanitizeLog(): Answer {
    if (behaviour.silentFrom !== undefined && world.now() >= behaviour.silentFrom) {
      return { exitCode: 1, stdout: JSON.stringify({ error: 'Internal Error', type: 'nvme' }) }
    }
    const { sprog, status, globalErased, cdw10 } = log
    const sstat = {
      media_verification_canceled: 0,
      global_erased: globalErased,
      no_cmplted_passes: 0,
      status: `(${status}) ${STATUS[status]}`,
    }
    const times = { time_over_write: 4294967295, time_block_erase: 4294967295, time_crypto_erase: 4294967295 }
    return { stdout: JSON.stringify({ nvme0: { sprog, sstat, cdw10_info: cdw10, ...times } }) }
  }
}
