import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { RunFile } from '../../../src/root/trial/units.ts'

export interface Booted {
  end: 'restarted' | 'still running' | string
  console: string
}

/** Services of Debian's sysinit.target that a boot in namespaces needs not. */
const UNNEEDED = [
  'systemd-journald.service',
  'systemd-journald.socket',
  'systemd-journald-dev-log.socket',
  'systemd-journald-audit.socket',
  'systemd-journal-flush.service',
  'systemd-udevd.service',
  'systemd-tmpfiles-setup.service',
  'systemd-sysusers.service',
  'systemd-update-utmp.service',
  'systemd-update-utmp-runlevel.service',
  'systemd-firstboot.service',
  'ldconfig.service',
  'lvm2-monitor.service',
  'apparmor.service',
]

/** Boots systemd with these files below /run, for so many seconds at most; nothing of it reaches this machine. */
export function bootSystemd(
  dir: string,
  files: ReadonlyMap<string, RunFile>,
  unit: string,
  seconds: number,
): Booted {
  const at = mkdtempSync(join(dir, 'boot-'))
  const [root, run, log] = ['root', 'run', 'log'].map((name) => join(at, name)) as [string, string, string]
  mkdirSync(root)
  for (const [path, file] of files) {
    mkdirSync(dirname(join(run, path)), { recursive: true })
    if ('text' in file) writeFileSync(join(run, path), file.text)
    else symlinkSync(file.link, join(run, path))
  }
  for (const name of UNNEEDED) symlinkSync('/dev/null', join(run, 'systemd/system', name))
  const script = join(at, 'boot.sh')
  cpSync(join(import.meta.dirname, 'boot-systemd.sh'), script)
  const cgroup = `speediso-test-${process.pid}`
  const command = `timeout --signal=KILL ${seconds} sh ${script} ${root} ${run} ${unit} ${cgroup}`
  // A terminal of its own for its console.
  const { status } = spawnSync('script', ['--quiet', '--return', '--flush', '--command', command, log], {
    stdio: 'ignore',
    timeout: (seconds + 10) * 1000,
  })
  removeGroups(cgroup)
  const console = execFileSync('cat', [log], { encoding: 'utf8' })
  return {
    end: status === 129 ? 'restarted' : status === 137 ? 'still running' : `ended with ${status}`,
    console,
  }
}

/** Those that systemd has made below, from the innermost on. */
function removeGroups(name: string): void {
  for (const hierarchy of ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup']) {
    const { stdout } = spawnSync('find', [join(hierarchy, name), '-depth', '-type', 'd'], {
      encoding: 'utf8',
    })
    for (const path of stdout.split('\n').filter((each) => each !== '')) {
      try {
        rmdirSync(path)
      } catch {
        // A process of it ends in this moment; the group is empty and harms nobody.
      }
    }
  }
}
