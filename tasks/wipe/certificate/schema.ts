import * as z from 'zod'
import { verdictSchema } from '../../../src/runtime/verdict.ts'
import { smartHealthSchema } from '../../../src/system/block/smart-health.ts'
import { rangeSchema } from '../../../src/system/disk-io/schema.ts'
import { FIRMWARE_METHODS } from '../../../src/system/drive/schema.ts'
import { findingSchema } from '../../../src/system/finding.ts'
import { LEVELS } from '../schema.ts'

export const CERTIFICATE_SCHEMA = 'speediso.erasure-certificate/1'

const bytes = z.int().nonnegative()
const health = findingSchema(smartHealthSchema).nullable().describe('null: not asked')

/** Which device it was; what is unknown is left out. */
export const certificateDeviceSchema = z.object({
  path: z.string().describe("the kernel's name, which is of that boot only"),
  model: z.string().optional(),
  serial: z.string().optional(),
  wwn: z.string().optional(),
  firmware: z.string().optional(),
  transport: z.string(),
  sizeBytes: bytes.describe('after what was hidden was given back'),
  sectorBytes: z.int().positive(),
  rotational: z.boolean().nullable(),
})

export const hiddenAreaSchema = z.object({
  state: z
    .enum(['none', 'restored', 'not restored', 'unknown', 'not applicable'])
    .describe('of a host protected area (HPA) or device configuration overlay (DCO)'),
  before: bytes.nullable().describe('size of the disk before it was restored'),
  reason: z.string().optional(),
})

export const verificationSchema = z.object({
  mode: z.enum(['full', 'sample']),
  expected: z.enum(['zero', 'random', 'anything']).describe('anything: only canaries were looked for'),
  asked: bytes.describe('how many bytes were to be read'),
  bytesRead: bytes,
  of: bytes.describe('size of the disk'),
  mismatchedBytes: bytes,
  mismatches: z.array(rangeSchema).describe('the first ones'),
  unreadableBytes: bytes,
  unreadable: z.array(rangeSchema).describe('the first ones'),
  canariesChecked: z.int().nonnegative(),
  canariesFound: z.int().nonnegative().describe('blocks of before the erase that were still there'),
  uniform: z.number().nullable().describe('the one byte that all was that was read; null: it was not one'),
})

export const endStateSchema = z.object({
  state: z.enum(['done', 'rejected', 'failed', 'unknown']),
  reason: z.string().optional(),
  evidence: z
    .record(z.string(), z.unknown())
    .describe('commands with exit codes, states that the drive reported'),
})

export const certificateDiskSchema = z.object({
  device: certificateDeviceSchema,
  verdict: verdictSchema,
  reason: z.string().optional().describe('always there when the verdict is not passed'),
  levelAsked: z.enum(LEVELS),
  levelReached: z.enum(LEVELS).describe('none: nothing was proved'),
  method: z
    .enum([...FIRMWARE_METHODS, 'overwrite', 'signatures'])
    .nullable()
    .describe('null: none was begun'),
  standard: z.string().describe('what the level means, and what it does not'),
  started: z.iso.datetime().nullable(),
  ended: z.iso.datetime().nullable(),
  seconds: z.number().nonnegative().nullable().describe('of the erase, without verification'),
  passes: z.int().nonnegative().nullable().describe('that were written whole; null: no overwrite'),
  pattern: z.enum(['zero', 'random']).nullable().describe('of the last pass'),
  seed: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable()
    .describe('of a random last pass: the AES-256-CTR key stream of it, block counter = offset / 16'),
  bytesWritten: bytes.nullable().describe('over all passes'),
  bytesPerSecond: z.number().nonnegative().nullable(),
  unwritten: z.object({ bytes, count: z.int().nonnegative(), first: z.array(rangeSchema) }),
  hiddenArea: hiddenAreaSchema,
  verification: verificationSchema.nullable().describe('null: nothing was read back'),
  errors: z.object({ count: z.int().nonnegative(), first: z.array(z.string()) }),
  endState: endStateSchema
    .nullable()
    .describe('what the drive itself said at the end; null: no firmware erase'),
  smart: z.object({ before: health, after: health, difference: z.array(z.string()) }),
})

export const leftAloneSchema = z.object({
  device: certificateDeviceSchema,
  why: z.enum(['refused', 'excluded', 'not selected']).describe('refused: it was asked for'),
  reason: z.string(),
})

export const signatureSchema = z.object({
  algorithm: z.literal('Ed25519'),
  key: z.string().describe('the public key, 32 bytes in base64'),
  keyFingerprint: z
    .string()
    .describe('SHA256: and the SHA-256 of its SubjectPublicKeyInfo in base64 (as RFC 7469)'),
  value: z
    .string()
    .describe('64 bytes in base64, over the canonical JSON (RFC 8785) without the key `signature`'),
})

export const certificateSchema = z.object({
  schema: z.literal(CERTIFICATE_SCHEMA),
  id: z.uuid(),
  issued: z.iso.datetime(),
  speediso: z.object({ version: z.string(), commit: z.string() }),
  host: z.object({
    hostId: z.string(),
    origin: z.string().describe('where the host id comes from'),
    serial: z.string().optional(),
    uuid: z.string().optional(),
    product: z.string().optional(),
  }),
  parties: z.object({
    customer: z.string().optional(),
    operator: z.string().optional(),
    organisation: z.string().optional(),
    reference: z.string().optional(),
  }),
  scope: z.enum(['all', 'selected']).describe('all: every disk of the machine was asked for'),
  verdict: verdictSchema,
  reason: z.string().optional().describe('always there when the verdict is not passed'),
  statement: z.string().describe('what this document claims, and what not'),
  disks: z.array(certificateDiskSchema),
  leftAlone: z.array(leftAloneSchema),
  unseen: z.array(z.string()).describe('why not every drive of the machine may have been seen'),
  signature: signatureSchema.nullable().describe('null: not signed'),
})

export type Certificate = z.infer<typeof certificateSchema>
export type CertificateDisk = z.infer<typeof certificateDiskSchema>
export type CertificateDevice = z.infer<typeof certificateDeviceSchema>
export type CertificateSignature = z.infer<typeof signatureSchema>
