import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mounted } from '../../block/helpers/root-image.ts'
import { currentRootImageDir } from '../../vm/root-host.ts'
import type { Versions } from './delta.ts'

/** Such as security updates are of. */
const PACKAGES = [
  ...['libssl3t64', 'openssl', 'libcurl4t64', 'libgnutls30t64', 'libkrb5-3', 'libpam-modules'],
  ...['libsqlite3-0', 'libssh2-1t64', 'openssh-server', 'openssh-sftp-server'],
]
/** The suite that has other versions of them for certain. */
const SUITE = 'sid'

/** The root image that was built last, and the same after its own dpkg has unpacked newer versions of ten packages. */
export function makeUpdated(dir: string): Versions {
  const before = join(currentRootImageDir(), 'hn-root.img')
  const after = join(dir, 'after.img')
  execFileSync('cp', ['--sparse=always', before, after])
  mounted(after, (root) => {
    const debs = mkdtempSync(join(root, 'debs-'))
    download(readFileSync(join(root, 'etc/apt/sources.list'), 'utf8'), mkdtempSync(join(dir, 'apt-')), debs)
    const files = readdirSync(debs).map((name) => join(debs, name).slice(root.length))
    if (files.length !== PACKAGES.length) throw new Error(`of ten packages ${files.length} came: ${files}`)
    execFileSync('chroot', [root, 'dpkg', '--unpack', '--force-depends', '--no-triggers', ...files], {
      stdio: 'pipe',
    })
    rmSync(debs, { recursive: true })
  })
  return { before, after }
}

/** By apt with folders of its own, from the mirror of these sources. */
function download(sources: string, apt: string, to: string): void {
  const [, mirror] = /^deb (\S+) /m.exec(sources) ?? []
  if (mirror === undefined)
    throw new Error('the root image has no Debian mirror in its /etc/apt/sources.list')
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'parts'])
    mkdirSync(join(apt, folder), { recursive: true })
  cpSync('/usr/share/keyrings', join(apt, 'keys'), { recursive: true })
  writeFileSync(
    join(apt, 'sources.list'),
    `deb [signed-by=${apt}/keys/debian-archive-keyring.gpg] ${mirror} ${SUITE} main\n`,
  )
  const options = [
    ...[`Dir::State=${apt}/state`, 'Dir::State::status=/dev/null', `Dir::Cache=${apt}/cache`],
    ...[`Dir::Etc::sourcelist=${apt}/sources.list`, `Dir::Etc::sourceparts=${apt}/parts`],
    ...['APT::Sandbox::User=root', 'Acquire::Languages=none'],
  ].flatMap((option) => ['-o', option])
  execFileSync('apt-get', [...options, 'update'], { stdio: 'pipe' })
  execFileSync('apt-get', [...options, 'download', ...PACKAGES], { cwd: to, stdio: 'pipe' })
}
