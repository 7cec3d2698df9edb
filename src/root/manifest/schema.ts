import * as z from 'zod'

export const MANIFEST_SCHEMA = 'speediso.root-image/1'

/** Bytes that a manifest may have: that of an image of 100 GB takes 80 MB. */
export const MANIFEST_LIMIT = 128 * 2 ** 20

/** Bytes that its signature may have; 64 raw, 88 in base64. */
export const SIGNATURE_LIMIT = 4096

/** What a root image is, whole; lies beside it as FILE.json, and its signature as FILE.json.sig. */
export const rootImageSchema = z.strictObject({
  schema: z.literal(MANIFEST_SCHEMA),
  /** The id of this image: `image` of its /boot/speediso.env, else the UUID of its filesystem. */
  image: z.guid().toLowerCase(),
  version: z.string().min(1).max(200),
  /** Bytes of the file. */
  size: z.int().min(1),
  /** Of the whole file. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'takes 64 hexadecimal digits'),
  /** As `uname -r` tells it. */
  kernelRelease: z.string().min(1).max(200),
  created: z.iso.datetime(),
  chunks: z.strictObject({
    algorithm: z.string().min(1).max(100),
    min: z.int().min(1),
    average: z.int().min(1),
    max: z
      .int()
      .min(1)
      .max(16 * 2 ** 20),
    /** Base64 of one entry after the other: length (u32le), then SHA-256. */
    index: z.string(),
    /** Beside the image lies a pack of its chunks; see pack.ts. `lengths`: base64 of the bytes of each frame, u32le. */
    packed: z.strictObject({ algorithm: z.string().min(1).max(100), lengths: z.string() }).optional(),
  }),
})
export type RootImageManifest = z.infer<typeof rootImageSchema>
