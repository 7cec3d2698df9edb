import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A filesystem mounted from a file through a program that logs each write and flush that reaches it. */
export interface Recorder extends AsyncDisposable {
  /** Where it is mounted. */
  dir: string
  /** The log, in the format of dm-log-writes. */
  log: string
  /** Bytes logged up to now. */
  logged(): number
  /** Ends the recording with an unmount, whose writes are logged too. */
  stop(): Promise<void>
}

const START_LIMIT = 10_000

/**
 * qemu-storage-daemon exports the file through FUSE, behind its driver blklogwrites; a loop device over the export is
 * mounted. The loop driver turns a write with REQ_FUA into a write and a flush (it claims a cache without FUA), and the
 * export serves one request after another, so that the log's order is that of the disk.
 */
export async function startRecorder(
  disk: string,
  dir: string,
  mountOptions: readonly string[] = [],
): Promise<Recorder> {
  const mounted = join(dir, 'recorded')
  const exported = join(dir, 'exported')
  const log = join(dir, 'log')
  const pidFile = join(dir, 'daemon.pid')
  mkdirSync(mounted)
  writeFileSync(exported, '')
  writeFileSync(log, '')
  const daemon = spawn(
    'qemu-storage-daemon',
    [
      ...['--pidfile', pidFile],
      ...['--blockdev', `driver=file,node-name=disk,filename=${disk}`],
      ...['--blockdev', `driver=file,node-name=log,filename=${log}`],
      ...['--blockdev', 'driver=blklogwrites,node-name=logged,file=disk,log=log'],
      '--export',
      `type=fuse,id=export,node-name=logged,mountpoint=${exported},writable=on,growable=off,allow-other=off`,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const undo = () => {
    // The loop device goes with its last mount, as mount(8) makes it so.
    spawnSync('umount', [mounted], { stdio: 'ignore' })
    daemon.kill('SIGKILL')
    spawnSync('umount', ['--lazy', exported], { stdio: 'ignore' })
  }
  process.on('exit', undo)
  const stop = async () => {
    execFileSync('umount', [mounted])
    await endDaemon(daemon)
  }
  const dispose = async () => {
    process.off('exit', undo)
    spawnSync('umount', [mounted], { stdio: 'ignore' })
    await endDaemon(daemon)
    spawnSync('umount', ['--lazy', exported], { stdio: 'ignore' })
    rmSync(mounted, { recursive: true, force: true })
  }
  try {
    // The file with its pid comes last, once the export is there.
    for (let waited = 0; !existsSync(pidFile); waited += 20) {
      if (daemon.exitCode !== null || waited > START_LIMIT)
        throw new Error('qemu-storage-daemon did not start')
      await sleep(20)
    }
    execFileSync('mount', ['-o', ['loop', ...mountOptions].join(), exported, mounted])
  } catch (error) {
    await dispose()
    throw error
  }
  return { dir: mounted, log, logged: () => statSync(log).size, stop, [Symbol.asyncDispose]: dispose }
}

async function endDaemon(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return
  const ended = once(daemon, 'exit')
  daemon.kill('SIGTERM')
  await ended
}
