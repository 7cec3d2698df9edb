import type { SmartHealth } from '../../../src/system/block/smart-health.ts'
import { absent, known } from '../../../src/system/finding.ts'
import {
  type CertificateInput,
  type DiskResult,
  makeCertificate,
} from '../../../tasks/wipe/certificate/make.ts'
import type { Certificate } from '../../../tasks/wipe/certificate/schema.ts'

export const HEALTH: SmartHealth = {
  passed: true,
  temperatureC: 31,
  powerOnHours: 41210,
  percentageUsed: null,
  reallocated: 8,
  pending: 0,
  offlineUncorrectable: 0,
  uncorrectable: 2,
  interfaceErrors: 4,
  errorLogEntries: 3,
  spare: null,
  warnings: [],
}

const SIZE = 4_000_787_030_016

/** A hard disk that was overwritten once with random bytes and read back whole. */
export function overwritten(n = 0, change: Partial<DiskResult> = {}): DiskResult {
  return {
    device: {
      path: `/dev/sd${String.fromCharCode(97 + (n % 26))}${n >= 26 ? n : ''}`,
      model: 'ACME HDD 4T',
      serial: `HDD-${String(n).padStart(4, '0')}`,
      wwn: '0x5000c500a1b2c3d4',
      firmware: 'FW01',
      transport: 'sata',
      sizeBytes: SIZE,
      sectorBytes: 512,
      rotational: true,
    },
    verdict: 'passed',
    levelAsked: 'clear',
    levelReached: 'clear',
    method: 'overwrite',
    started: '2025-11-21T03:00:00.000Z',
    ended: '2025-11-21T09:10:11.000Z',
    seconds: 22_211,
    passes: 1,
    pattern: 'random',
    seed: '0123456789abcdef'.repeat(4),
    bytesWritten: SIZE,
    unwritten: { bytes: 0, ranges: [] },
    hiddenArea: { state: 'restored', before: SIZE - 2 ** 30 },
    verification: {
      mode: 'full',
      expected: 'random',
      asked: SIZE,
      bytesRead: SIZE,
      of: SIZE,
      mismatchedBytes: 0,
      mismatches: [],
      unreadableBytes: 0,
      unreadable: [],
      canariesChecked: 64,
      canariesFound: 0,
      uniform: null,
    },
    errors: [],
    endState: null,
    smart: { before: known(HEALTH, 'smartctl'), after: known(HEALTH, 'smartctl') },
    ...change,
  }
}

/** A solid-state drive that erased itself, of which samples were read. */
export function sanitized(n = 0, change: Partial<DiskResult> = {}): DiskResult {
  const of = 3_840_755_982_336
  return {
    ...overwritten(n),
    device: {
      path: `/dev/nvme${n}n1`,
      model: 'ACME NVME 3T8',
      serial: `NVME-${String(n).padStart(4, '0')}`,
      transport: 'nvme',
      sizeBytes: of,
      sectorBytes: 4096,
      rotational: false,
    },
    levelAsked: 'purge',
    levelReached: 'purge',
    method: 'nvme-sanitize-crypto',
    seconds: 9.5,
    passes: null,
    pattern: null,
    seed: null,
    bytesWritten: null,
    hiddenArea: { state: 'not applicable', before: null },
    verification: {
      mode: 'sample',
      expected: 'anything',
      asked: Math.ceil(of / 10),
      bytesRead: Math.ceil(of / 10),
      of,
      mismatchedBytes: 0,
      mismatches: [],
      unreadableBytes: 0,
      unreadable: [],
      canariesChecked: 64,
      canariesFound: 0,
      uniform: 0,
    },
    endState: { state: 'done', evidence: { command: 'nvme sanitize /dev/nvme0 -a 4', sstat: 1 } },
    smart: { before: absent('a test drive'), after: null },
    ...change,
  }
}

/** Partition tables and signatures removed, nothing else. */
export function quick(n = 0): DiskResult {
  return overwritten(n, {
    levelAsked: 'none',
    levelReached: 'none',
    method: 'signatures',
    passes: null,
    pattern: null,
    seed: null,
    bytesWritten: null,
    verification: null,
  })
}

export function input(
  disks: readonly DiskResult[],
  change: Partial<CertificateInput> = {},
): CertificateInput {
  return {
    id: '8f0c4ed0-30b7-4c0f-9d3c-3f7f3f0b6a11',
    issued: '2025-11-21T12:00:00.000Z',
    speediso: { version: '0.1.0', commit: 'abc1234' },
    host: {
      hostId: '4c4c4544-0043-5a10-8031-b7c04f313233',
      origin: 'system UUID',
      serial: '7CZ1123',
      product: 'ACME R640',
    },
    parties: {
      customer: 'Example Bank',
      operator: 'A. Person',
      organisation: 'Example Data Centre',
      reference: 'T-42',
    },
    scope: 'all',
    disks,
    leftAlone: [],
    unseen: [],
    ...change,
  }
}

export const certificateOf = (...disks: DiskResult[]): Certificate => makeCertificate(input(disks))
