import { join } from 'node:path'
import type { Exec } from '../../../src/system/exec.ts'
import { type InstalledDisk, installDisk, makeVersion } from '../root-installed.ts'

/** The first process of the images: a shell on the console, as what is tested is what comes before it. */
const INIT = `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
stty -echo
echo; echo TEST-SHELL
exec /bin/sh
`

/** Id of the image with this version. */
export const idOf = (version: string) => `00000000-0000-4000-8000-${version.padStart(12, '0')}`

/**
 * A host whose current image has version 1, with version 2 as the one that a revert took away.
 * @param others the root image that version 2 is made of; the same one by default
 */
export async function makeTorturedHost(
  dir: string,
  image: string,
  exec: Exec,
  other = image,
): Promise<InstalledDisk> {
  const make = (version: string, from: string) =>
    makeVersion(
      from,
      join(dir, `v${version}.img`),
      {
        id: idOf(version),
        version,
        append: 'init=/etc/test-init panic=2',
        files: { '/etc/test-init': INIT },
      },
      exec,
    )
  const [first, second] = [await make('1', image), await make('2', other)]
  const disk = await installDisk(
    join(dir, 'disk'),
    { 'hn-root.img': first, 'hn-root-broken.img': second },
    { sizeMiB: 3072 },
    exec,
  )
  await exec('rm', [first, second])
  return disk
}
