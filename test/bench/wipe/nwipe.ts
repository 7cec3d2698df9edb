import { statSync } from 'node:fs'
import type { LoopDevice } from '../../block/helpers/loop-device.ts'
import { type Run, runProgram } from './measure.ts'

/**
 * Runs nwipe over one loop device. It gets a /dev of its own that holds this one disk and no other, may make no device
 * nodes, and is told the device by name, so that it scans for none: each alone would keep it from everything else.
 */
const SCRIPT = `set -eu
mount -t tmpfs -o mode=755 none /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/random c 1 8
mknod -m 666 /dev/urandom c 1 9
mknod -m 600 "$1" b "$2" "$3"
[ "$(find /dev -type b)" = "$1" ]
exec setpriv --bounding-set=-mknod --inh-caps=-mknod \\
  nwipe --autonuke --nogui --noblank --nousb --method=zero --verify=last --logfile=/dev/null "$1"`

export function runNwipe({ path }: LoopDevice): Promise<Run> {
  const { rdev } = statSync(path)
  if (!/^\/dev\/loop\d+$/.test(path) || rdev >>> 8 !== LOOP_MAJOR)
    throw new Error(`${path} is no loop device`)
  const numbers = [LOOP_MAJOR, rdev & 0xff].map(String)
  return runProgram('unshare', ['--mount', 'sh', '-c', SCRIPT, 'sh', path, ...numbers])
}

/** Linux, Documentation/admin-guide/devices.txt */
const LOOP_MAJOR = 7
