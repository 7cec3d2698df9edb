import type { Flag } from '../command.ts'

export const HOSTPART_FLAG: Flag = {
  type: 'string',
  describe: 'work on this folder in place of the mounted hostpart; never reboots',
}
export const ESP_FLAG: Flag = {
  type: 'string',
  describe: 'boot partition: where it is mounted, LABEL=…, UUID=… or /dev/… (default LABEL=EFI-BOOT)',
}
