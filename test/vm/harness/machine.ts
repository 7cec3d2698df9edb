import type { ExecOptions, ExecResult } from '../../../src/system/exec.ts'
import type { WaitOptions } from './backlog.ts'
import type { QmpEvent } from './qmp.ts'
import type { SerialConsole } from './serial.ts'
import type { SshKey } from './ssh.ts'
import type { MachineEnd } from './supervise.ts'

/** A running virtual machine; disposing of it ends it and removes its files. */
export interface Machine extends AsyncDisposable {
  readonly name: string
  /** Process id of QEMU. */
  readonly pid: number
  /** Holds its disks, unless the spec names files elsewhere. */
  readonly dir: string
  readonly serial: SerialConsole
  /** Events of QEMU so far. */
  readonly events: readonly QmpEvent[]
  /** Never rejects. */
  readonly ended: Promise<MachineEnd>
  /** How often QEMU had to be started again, because it ended early and without a word: 0 or 1. */
  readonly restarts: number
  /** The port of 127.0.0.1 that leads to this port of the guest. */
  port(guestPort: number): number
  /** Runs a command of QEMU's control protocol and gives its result. */
  qmp(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>
  waitForEvent(name: string, options?: WaitOptions): Promise<QmpEvent>
  /** @throws MachineError when it has not ended within the limit */
  waitForEnd(options?: WaitOptions): Promise<MachineEnd>
  /** Presses the power button. */
  powerdown(): Promise<void>
  /** Pulls the plug. */
  stop(): Promise<MachineEnd>
  /** Waits for the SSH server's banner on the guest's port 22, which must be forwarded. */
  waitForSsh(options?: WaitOptions): Promise<string>
  /** Runs one program in the guest by SSH, as root. */
  ssh(command: readonly string[], key: SshKey, options?: ExecOptions): Promise<ExecResult>
}

/** A machine's end, for people. */
export function describeEnd({ how, reason, exitCode, signal }: MachineEnd, limit: number): string {
  switch (how) {
    case 'guest':
      return `the guest ended the machine (${reason})`
    case 'stopped':
      return 'the machine was stopped'
    case 'limit':
      return `the machine was ended at its limit of ${limit / 1000} s`
    case 'crashed':
      return `the guest crashed beyond rescue (${reason})`
    case 'died':
      return `QEMU ended by itself (${signal === null ? `exit code ${exitCode}` : signal})`
  }
}
