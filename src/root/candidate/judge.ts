import { stat } from 'node:fs/promises'
import type { TrustKey } from '../../job/trust.ts'
import type { Exec } from '../../system/exec.ts'
import type { ReadManifest } from '../manifest/manifest.ts'
import { digestFile } from '../manifest/scan.ts'
import type { Denied, ImageFacts } from '../record.ts'
import type { CandidateVerdict } from '../schema.ts'
import { bootDigest } from './boot-digest.ts'
import { checkFilesystem } from './check-filesystem.ts'
import { checkDenied, checkManifest, checkNotBefore } from './claims.ts'
import { type ContentFacts, checkContents } from './contents.ts'
import { LookError, mountImage, NotMountedError } from './mounted.ts'
import { checkReadByGrub } from './read-by-grub.ts'
import { Refusal } from './refusal.ts'
import { describeOther, parseSuperblock, readHead, type Superblock } from './superblock.ts'

export interface JudgeOptions {
  /** The bytes of the manifest beside it, and of its signature. */
  manifest?: Uint8Array
  signature?: Uint8Array
  /** With one, only a signed manifest counts. */
  keys: readonly TrustKey[]
  denied: readonly Denied[]
  /** ISO 8601: a signed image that was made before is refused. Without keys anybody writes any time, and it does not count. */
  notBefore?: string
  /** bootDigest of the image whose kernel runs now; absent: the candidate counts as another one. */
  bootDigest?: string
  /** Accept what GRUB could not be asked about, for want of grub-fstest; never what it cannot read. */
  allowUnreadByGrub?: boolean
  /** Node's name of the machine's architecture; default this one's. */
  arch?: string
}

export interface JudgeDeps {
  exec: Exec
  signal: AbortSignal
  /** An existing folder for a mount point, such as /run. */
  folder: string
  /** Bytes read, of the whole file. */
  progress?: (done: number, total: number) => void
}

/**
 * Judges a candidate: accepted only from a positive proof of each point. It changes nothing, and leaves no mount and no
 * loop device behind.
 * @throws LookError, CommandError or an error of the file when this machine cannot look, which says nothing against the
 * image; the signal's reason
 */
export async function judgeCandidate(
  file: string,
  options: JudgeOptions,
  deps: JudgeDeps,
): Promise<CandidateVerdict> {
  const image: Partial<ImageFacts> = {}
  const before = await stampOf(file)
  let verdict: CandidateVerdict
  try {
    verdict = await judge(file, options, deps, image)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const known = Object.keys(image).length === 0 ? {} : { image }
    verdict = { accepted: false, reason: error.message, ...known }
  }
  if ((await stampOf(file)) !== before)
    throw new LookError(`${file} was written to or replaced while it was judged`, {
      hint: 'judge it once it is complete',
    })
  return verdict
}

/** Another one once somebody has written to the file, or put another in its place. */
async function stampOf(file: string): Promise<string> {
  const { dev, ino, size, mtimeNs } = await stat(file, { bigint: true })
  return [dev, ino, size, mtimeNs].join(' ')
}

/** `image` is filled in as things become known, so that a refusal names them. */
async function judge(
  file: string,
  options: JudgeOptions,
  deps: JudgeDeps,
  image: Partial<ImageFacts>,
): Promise<CandidateVerdict> {
  const {
    denied,
    keys,
    notBefore,
    bootDigest: wanted,
    allowUnreadByGrub = false,
    arch = process.arch,
  } = options
  const evidence: string[] = []
  const read = checkManifest(options, evidence)
  const manifest = read?.manifest
  if (manifest !== undefined) {
    const { image: id, sha256, version, kernelRelease } = manifest
    Object.assign(image, { id, sha256, version, kernelRelease })
  }
  checkDenied(image, denied)
  if (manifest !== undefined && keys.length > 0) checkNotBefore(manifest, notBefore)

  const { size, blocks } = await stat(file)
  if (manifest !== undefined && size !== manifest.size)
    throw new Refusal(`it has ${size} bytes, and ${manifest.size} by its manifest: copy it whole`)
  const superblock = await checkSuperblock(file, size, manifest !== undefined)
  const holes = size - blocks * 512
  if (holes > 0) evidence.push(`about ${holes} of its ${size} bytes are holes, which read as zeros`)

  // What was denied by its digest is known again without its manifest too.
  if (manifest !== undefined || denied.some(({ digest }) => /^[0-9a-f]{64}$/.test(digest))) {
    const sha256 = await digestFile(file, deps)
    if (manifest !== undefined && sha256 !== manifest.sha256)
      throw new Refusal(
        `its content is not what its manifest says (SHA-256 ${sha256} instead of ${manifest.sha256}): copy it again`,
      )
    if (manifest !== undefined) evidence.push(`all of its ${size} bytes are what its manifest says`)
    image.sha256 = sha256
    checkDenied(image, denied)
  }
  if (manifest === undefined) {
    evidence.push('it has no manifest: that its content is whole and unchanged is not proved')
    if (superblock !== undefined) evidence.push(await checkFilesystem(file, superblock, deps))
  }

  await using mounted = await mountImage(file, superblock?.type, deps).catch((cause: unknown) => {
    if (!(cause instanceof NotMountedError)) throw cause
    throw new Refusal(
      `it cannot be mounted read-only (${cause.message}): it has to be a filesystem that was unmounted before it was copied`,
      { cause },
    )
  })
  evidence.push(`its ${superblock?.type ?? 'filesystem'} mounts read-only, without replaying anything`)
  const contents = await checkContents(mounted.root, { arch, signal: deps.signal })
  Object.assign(image, facts(contents, superblock, read))
  checkDenied(image, denied)
  evidence.push(
    `it holds /boot/kernel (${contents.format}, ${contents.release}), its /lib/modules, /boot/initramfs (${contents.initramfs}) and ${contents.init}`,
  )
  try {
    for (const [path, local] of contents.loaded) evidence.push(await checkReadByGrub(file, path, local, deps))
  } catch (error) {
    if (!(error instanceof Refusal && error.facts.unread === true && allowUnreadByGrub)) throw error
    evidence.push('whether GRUB can read it was not checked: grub-fstest is not installed')
  }
  const same = wanted !== undefined && (await bootDigest(mounted.root, deps.signal)) === wanted
  return {
    accepted: true,
    image: { id: '', ...image },
    kernel: same ? 'same' : 'other',
    evidence,
  }
}

/** Its filesystem, whole by its own size. A manifest proves the content of one that is not known here. */
async function checkSuperblock(file: string, size: number, proved: boolean): Promise<Superblock | undefined> {
  const head = await readHead(file)
  const superblock = parseSuperblock(head)
  if (superblock === undefined) {
    const other = size === 0 ? 'it is empty' : describeOther(head)
    if (proved && other === undefined) return undefined
    throw new Refusal(
      other ?? 'it starts with no ext2, ext3, ext4, xfs, btrfs or squashfs filesystem, which it has to be',
    )
  }
  const { type, bytes, unclean } = superblock
  if (bytes > size)
    throw new Refusal(`it has ${size} bytes, and its ${type} filesystem takes ${bytes}: copy it whole`)
  if (unclean !== undefined)
    throw new Refusal(
      `its ${type} filesystem is not as an unmount leaves it (${unclean}), and GRUB reads it as it is: unmount it before it is copied`,
    )
  return superblock
}

/** What is known of it in the end. @throws Refusal when the manifest says otherwise */
function facts(
  { id, version, release }: ContentFacts,
  superblock: Superblock | undefined,
  read: ReadManifest | undefined,
): Partial<ImageFacts> {
  const own = id ?? superblock?.uuid
  if (read === undefined)
    return { id: own ?? '', kernelRelease: release, ...(version === undefined ? {} : { version }) }
  const { manifest } = read
  if (own !== undefined && own !== manifest.image)
    throw new Refusal(`its id is ${own}, and ${manifest.image} by its manifest: make the manifest anew`)
  if (release !== manifest.kernelRelease)
    throw new Refusal(
      `its kernel is ${release}, and ${manifest.kernelRelease} by its manifest: make the manifest anew`,
    )
  return { id: own ?? '' }
}
