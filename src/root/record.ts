import * as z from 'zod'

/**
 * Tells a file from every other one, and stays the same when the file is renamed or linked: inode number and time of
 * birth in nanoseconds, joined by `-`. A copy has another one.
 */
export type FileKey = string

/** What is known of an image since it was accepted; kept by the key of its file. */
export const imageFactsSchema = z.object({
  /** Its own id: `image` in /boot/speediso.env, else the UUID of its filesystem; empty when it has neither. */
  id: z.string(),
  /** Of the whole file, as its manifest says and as it was read. */
  sha256: z.string().optional(),
  version: z.string().optional(),
  kernelRelease: z.string().optional(),
  /** ISO 8601, when a trial of it has ended well; without it nobody has proved that it boots. */
  confirmedAt: z.string().optional(),
})
export type ImageFacts = z.infer<typeof imageFactsSchema>

/** The boots in which an image has to prove itself. */
export const trialSchema = z.object({
  image: z.string(),
  /** Boots that its initramfs has begun. */
  boots: z.int().min(0),
  /** Boots that it has. */
  limit: z.int().min(1).max(9),
})
export type Trial = z.infer<typeof trialSchema>

export const deniedSchema = z.object({
  /** SHA-256 of the image; without a manifest its id. */
  digest: z.string(),
  version: z.string().optional(),
  reason: z.string(),
  time: z.string(),
})
export type Denied = z.infer<typeof deniedSchema>

/**
 * What this host remembers of its root images. Kept twice with a sequence number, and never the only source: with both
 * lost, the files alone boot. Not strict: the image to go back to may have an older speediso than the one that wrote it.
 */
export const recordSchema = z.object({
  schema: z.literal('speediso.root-state/1'),
  /** Of two whole copies the higher counts. */
  seq: z.int().min(1),
  /** The image to keep: the one that was confirmed last, or gone back to, or taken as it was found. */
  confirmed: z.string().optional(),
  trial: trialSchema.optional(),
  /** Restarts in a row that were to lead from one image's kernel into another image, and did not. */
  bounces: z.int().min(0).default(0),
  images: z.record(z.string(), imageFactsSchema),
  /** Images that failed their trial, latest last. */
  denied: z.array(deniedSchema),
})
export type StateRecord = z.infer<typeof recordSchema>

export const DENIED_KEPT = 16

/** Characters of a reason that is remembered. */
export const REASON_LIMIT = 300

/** Characters of a version, as in a manifest. */
export const VERSION_LIMIT = 200

/** Text that takes no more room in the record than this many characters do: no escapes of six bytes, and no end. */
export function shorten(text: string, limit: number): string {
  return text
    .replaceAll(/\p{Cc}/gu, ' ')
    .slice(0, limit)
    .toWellFormed()
}
