import { quoteCommand } from '../lib/run.ts'
import type { ImageOptions } from './options.ts'
import type { Pack, Recipe } from './recipe.ts'

/** Times in the base root; the image itself carries the time of its commit. */
export const BASE_EPOCH = 1_735_689_600

/** Where the base build finds its files on the build host. */
export interface BasePaths {
  /** Folder of the recipe: keys and local packages are relative to it. */
  recipeFolder: string
  /** Folder with one .list file for each of the recipe's repositories. */
  lists: string
  target: string
}

/** Packages and excludes of the chosen firmware. */
export function firmwareOf(
  recipe: Recipe,
  names: readonly string[],
): { packages: string[]; excludes: string[] } {
  const sets = names.map((name) => recipe.firmware[name] ?? { packages: [name], excludes: [] })
  return { packages: sets.flatMap((set) => set.packages), excludes: sets.flatMap((set) => set.excludes) }
}

/** The apt source line of a further repository, with its key where `keyFolder` is. */
export function repositoryLine(repository: Recipe['repositories'][number], keyFolder: string): string {
  const [type, ...rest] = repository.deb.trim().split(/\s+/)
  const extension = repository.key.endsWith('.asc') ? 'asc' : 'gpg'
  return `${type} [signed-by=${keyFolder}/${repository.name}.${extension}] ${rest.join(' ')}`
}

/** The arguments of mmdebstrap that make the base root as a tar file. */
export function mmdebstrapArgs(recipe: Recipe, options: ImageOptions, paths: BasePaths): string[] {
  const firmware = firmwareOf(recipe, options.firmware)
  const packages = recipe.packages.map((name) => (name === recipe.kernel ? options.kernel : name))
  const components = [...recipe.components, ...(options.firmware.length > 0 ? ['non-free-firmware'] : [])]
  const excludes = [
    ...recipe.excludes,
    ...firmware.excludes,
    ...recipe.modulePrunes.flatMap((path) => {
      const below = `/usr/lib/modules/*/kernel/${path}`
      return [`${below}/*`, `${below}.ko*`]
    }),
  ]
  return [
    '--mode=root',
    '--variant=minbase',
    '--format=tar',
    '--architectures=amd64',
    `--components=${components.join(',')}`,
    `--include=${[...packages, ...firmware.packages].join(',')}`,
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=Acquire::Retries "3"',
    ...excludes.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
    // Whoever passes an image on passes on its licences.
    '--dpkgopt=path-include=/usr/share/doc/*/copyright',
    ...recipe.repositories.map(
      (r) => `--setup-hook=${hook('copy-in', `${paths.lists}/${r.name}.list`, '/etc/apt/sources.list.d')}`,
    ),
    ...recipe.debs.map((deb) => `--customize-hook=${installHook(`${paths.recipeFolder}/${deb}`)}`),
    `--customize-hook=${checkHook(recipe.mustRun)}`,
    options.suite,
    paths.target,
    ...(options.mirror === undefined ? [] : [options.mirror]),
  ]
}

const hook = (command: string, ...args: string[]) => quoteCommand(command, args)

/** Copies one local package in, installs it, and removes the file; its dependencies must be in the recipe. */
function installHook(deb: string): string {
  return `cp ${hook(deb)} "$1/var/tmp/local.deb" && chroot "$1" dpkg --install /var/tmp/local.deb && rm "$1/var/tmp/local.deb"`
}

/** A shell text that starts each program once in the root "$1", and names those that do not run. */
export function checkHook(commands: readonly (readonly string[])[]): string {
  const checks = commands.map(([tool = '', ...args]) => {
    const command = quoteCommand(tool, args)
    return `chroot "$1" ${command} > "$1/var/tmp/check" 2>&1 < /dev/null || { echo "does not run in the image: ${command}" >&2; cat "$1/var/tmp/check" >&2; bad=1; }`
  })
  return ['bad=', ...checks, 'rm -f "$1/var/tmp/check"', '[ -z "$bad" ]'].join('\n')
}

/** The arguments of dracut, run inside the root. */
export function dracutArgs(recipe: Recipe, release: string, file: string): string[] {
  const { modules, omitModules, drivers, omitDrivers } = recipe.initramfs
  return [
    '--force',
    '--no-hostonly',
    '--no-hostonly-cmdline',
    '--no-early-microcode',
    '--reproducible',
    '--nostrip',
    '--nofscks',
    // zstd outside is many times faster than the same inside dracut.
    '--no-compress',
    ...['--kver', release],
    ...['--add', modules.join(' ')],
    ...['--omit', omitModules.join(' ')],
    ...(drivers.length === 0 ? [] : ['--add-drivers', drivers.join(' ')]),
    ...['--omit-drivers', omitDrivers.join(' ')],
    file,
  ]
}

/** The arguments of mksquashfs for the root. */
export function squashfsArgs(
  { level, block }: Extract<Pack, { kind: 'squashfs' }>,
  root: string,
  file: string,
): string[] {
  return [
    ...[root, file, '-noappend', '-no-progress', '-quiet'],
    ...['-comp', 'zstd', '-Xcompression-level', String(level), '-b', block],
  ]
}

/** Bytes of one block of an ext4 root; a page, as its loop device reads pages. */
const EXT4_BLOCK = 4096
/** Bytes of one inode, as mke2fs makes it. */
const EXT4_INODE = 256
const MIB = 1024 * 1024

/** What a tree takes. */
export interface TreeSize {
  /** Bytes of all files, each rounded up to whole blocks. */
  bytes: number
  /** Files, folders and links. */
  inodes: number
}

/**
 * Bytes of an ext4 filesystem for this tree with so much free room, in whole MiB: to the files come the inodes, as many
 * again for files to come, the journal (64 MiB below 4 GiB with mke2fs's own sizes) and 2 % for bitmaps, tables and folders.
 */
export function ext4Size({ bytes, inodes }: TreeSize, free: number): { size: number; inodes: number } {
  const wanted = 2 * inodes
  const size = (bytes + free) * 1.02 + wanted * EXT4_INODE + 64 * MIB
  return { size: Math.ceil(size / MIB) * MIB, inodes: wanted }
}

/** The arguments of mke2fs that fill `file` with the tree `root`. */
export function ext4Args(
  pack: Extract<Pack, { kind: 'ext4' }>,
  facts: { root: string; file: string; uuid: string; size: number; inodes: number },
): string[] {
  return [
    ...['-q', '-F', '-t', 'ext4', '-b', String(EXT4_BLOCK), '-I', String(EXT4_INODE), '-m', '0'],
    ...['-O', ['none', ...pack.features].join(',')],
    ...['-N', String(facts.inodes), '-L', pack.label, '-U', facts.uuid],
    // Tables written now, not by the kernel later: a root that is mounted read-only never gets to it.
    ...['-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard'],
    ...['-d', facts.root, facts.file, `${facts.size / 1024}k`],
  ]
}
