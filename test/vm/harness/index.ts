export { type Acceleration, chooseAcceleration } from './acceleration.ts'
export { qemuArguments } from './arguments.ts'
export type { WaitOptions } from './backlog.ts'
export {
  type BootedImage,
  type BootImageOptions,
  bootImage,
  currentImageDir,
  ROOT_PATH,
} from './boot-image.ts'
export type { Content } from './content.ts'
export { findProgram, type HarnessDeps, harnessDeps } from './deps.ts'
export { MachineError, QmpError } from './errors.ts'
export type { Fault } from './faults.ts'
export { type FileServer, type ServedRequest, serveFiles } from './file-server.ts'
export { findUefiFirmware } from './firmware.ts'
export { fetchIpxe } from './ipxe.ts'
export { describeEnd, type Machine } from './machine.ts'
export { autoexecScript, NETBOOT_FAILED, type Netboot, netbootScript } from './netboot.ts'
export { DEFAULT_CARD } from './network-arguments.ts'
export type { QmpEvent } from './qmp.ts'
export type { SerialConsole } from './serial.ts'
export type {
  Boot,
  Disk,
  DiskKind,
  MachinePaths,
  MachineSpec,
  NetworkCard,
  NetworkModel,
  Smbios,
} from './spec.ts'
export { createSshKey, type SshKey, ssh, waitForSshBanner } from './ssh.ts'
export { startMachine } from './start-machine.ts'
export type { MachineEnd } from './supervise.ts'
