import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { defaultCacheFolder } from '../lib/cache.ts'
import { UsageError } from '../lib/errors.ts'
import type { Flavour, Recipe } from './recipe.ts'

/** What one build is asked for; all paths are absolute. */
export interface ImageOptions {
  flavour: Flavour
  /** Debian package of the kernel. */
  kernel: string
  suite: string
  /** Undefined: the archives that mmdebstrap takes by itself. */
  mirror: string | undefined
  binary: string
  output: string
  cache: string
  /** Names of the recipe's firmware sets, or Debian packages. */
  firmware: readonly string[]
  /** Fetch the packages anew although the cache has a root of the same recipe. */
  refresh: boolean
}

const OUTPUT: Readonly<Record<Flavour, string>> = { live: 'dist/image', root: 'dist/image-root' }

export const USAGE = `usage: npm run image -- [option …]
Builds an image into <output>/<version>/: the live image (kernel, initramfs and squashfs root), or a root image
(hn-root.img with kernel and initramfs inside).

  --flavour NAME    live or root (default: live)
  --kernel PACKAGE  Debian package of the kernel (default: linux-image-amd64)
  --mirror URL      Debian mirror (default: mmdebstrap's own)
  --suite NAME      Debian suite (default: trixie)
  --binary FILE     the speediso executable (default: dist/speediso)
  --output FOLDER   where images are kept (default: dist/image, for root images dist/image-root)
  --firmware LIST   firmware sets or packages, comma-separated, or none
  --cache FOLDER    where the root and the initramfs are kept between builds (default: ~/.cache/speediso)
  --refresh         fetch the packages anew
  --help            this text

example: npm run image -- --firmware bnx2x,qlogic --output /srv/images`

/**
 * Reads the command line.
 * @param recipes one for each flavour
 * @returns undefined when help is asked for
 * @throws UsageError one line that names what is wrong and what would be right
 */
export function parseOptions(
  args: readonly string[],
  project: string,
  recipes: Readonly<Record<Flavour, Recipe>>,
): ImageOptions | undefined {
  const values = parse(args)
  if (values.help === true) return undefined
  for (const [name, value] of Object.entries(values)) {
    if (value === '') throw new UsageError(`--${name}: the value is empty`)
  }
  const flavour = values.flavour ?? 'live'
  if (flavour !== 'live' && flavour !== 'root') {
    throw new UsageError(`--flavour ${flavour}: not known; it is live or root`)
  }
  const recipe = recipes[flavour]
  const kernel = values.kernel ?? recipe.kernel
  if (!/^linux-image-[a-z0-9.+-]+$/.test(kernel)) {
    throw new UsageError(
      `--kernel ${kernel}: not a Debian package of a kernel, such as linux-image-cloud-amd64`,
    )
  }
  const suite = values.suite ?? recipe.suite
  if (!/^[a-z][a-z0-9.-]*$/.test(suite))
    throw new UsageError(`--suite ${suite}: not the name of a Debian suite`)
  const mirror = values.mirror
  if (mirror !== undefined && !/^(https?|file|copy):\/\/?[^\s]+$/.test(mirror)) {
    throw new UsageError(`--mirror ${mirror}: not a URL such as http://mirror.example/debian`)
  }
  return {
    flavour,
    kernel,
    suite,
    mirror,
    binary: resolve(values.binary ?? join(project, 'dist/speediso')),
    output: resolve(values.output ?? join(project, OUTPUT[flavour])),
    cache: resolve(values.cache ?? defaultCacheFolder()),
    firmware: parseFirmware(values.firmware, recipe),
    refresh: values.refresh === true,
  }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        flavour: text,
        kernel: text,
        mirror: text,
        suite: text,
        binary: text,
        output: text,
        firmware: text,
        cache: text,
        refresh: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    })
    return values
  } catch (error) {
    const line = (error as Error).message.split('\n')[0]?.replace(/\. To specify .*$/, '') ?? ''
    throw new UsageError(`${line} (see npm run image -- --help)`)
  }
}

/** Sets by name; `firmware-x` and `x-microcode` are taken as Debian packages. */
function parseFirmware(value: string | undefined, recipe: Recipe): string[] {
  if (value === undefined) return [...recipe.defaultFirmware]
  if (value === 'none') return []
  const names = value.split(',').map((name) => name.trim())
  for (const name of names) {
    const known =
      Object.hasOwn(recipe.firmware, name) || /^firmware-[a-z0-9-]+$|^[a-z0-9]+-microcode$/.test(name)
    if (!known) {
      const sets = Object.keys(recipe.firmware).join(', ')
      throw new UsageError(
        `--firmware ${name}: not known; sets are ${sets}; or a package firmware-…; or none`,
      )
    }
  }
  return [...new Set(names)].sort()
}
