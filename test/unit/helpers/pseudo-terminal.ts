import { dlopen, toString as readCString } from 'node:ffi'
import { closeSync, constants, openSync, readSync } from 'node:fs'

const { functions: libc } = dlopen('libc.so.6', {
  unlockpt: { arguments: ['i32'], return: 'i32' },
  ptsname: { arguments: ['i32'], return: 'pointer' },
  ioctl: { arguments: ['i32', 'u64', 'u64'], return: 'i32' },
})

/** Hangs up everybody who has the terminal open, as a getty does when it starts (ioctl_tty(2)). */
const TIOCVHANGUP = 0x5437n

export interface PseudoTerminal extends Disposable {
  /** Of the end that programs write to. */
  readonly path: string
  /** What has been written since. */
  read(): string
  hangUp(): void
}

/** A real terminal of the kernel, whose other end the test holds (pty(7)). */
export function openPseudoTerminal(): PseudoTerminal {
  const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK)
  if (libc.unlockpt(master) !== 0) throw new Error('no pseudo-terminal')
  const path = String(readCString(libc.ptsname(master)))
  // Kept open, because the other end reads an error while nobody has it open.
  const open = () => openSync(path, constants.O_RDWR | constants.O_NOCTTY)
  let kept = open()
  const buffer = Buffer.alloc(1024 * 1024)
  return {
    path,
    read() {
      let text = ''
      for (;;) {
        try {
          const count = readSync(master, buffer)
          if (count === 0) return text
          text += buffer.toString('utf8', 0, count)
        } catch {
          return text
        }
      }
    },
    hangUp() {
      if (libc.ioctl(kept, TIOCVHANGUP, 0n) !== 0) throw new Error('it cannot be hung up; is this root?')
      closeSync(kept)
      kept = open()
    },
    [Symbol.dispose]() {
      closeSync(kept)
      closeSync(master)
    },
  }
}
