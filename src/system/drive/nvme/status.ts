/**
 * Status codes (type in bits 10:8, code in bits 7:0) with which a controller refuses a command before it does anything of
 * it: NVM Express base specification 2.0, Status Field Definition. What is not here may have begun.
 */
const BEGAN_NOTHING = new Set([
  0x001, // Invalid Command Opcode
  0x002, // Invalid Field in Command
  0x00b, // Invalid Namespace or Format
  0x015, // Operation Denied
  0x01c, // Sanitize Failed: a sanitize is needed first
  0x01d, // Sanitize In Progress
  0x020, // Namespace is Write Protected
  0x023, // Command Prohibited by Command and Feature Lockdown
  0x10a, // Invalid Format
  0x123, // Sanitize Prohibited While Persistent Memory Region is Enabled
  0x286, // Access Denied
])

/** Whether the status that nvme prints, as in "NVMe status: …(0x4002)", proves that nothing was begun. */
export function beganNothing(stderr: string): boolean {
  const digits = /^NVMe status: .*\((0x[0-9a-f]+)\)\s*$/im.exec(stderr)?.[1]
  // Bits 11 and up: command retry delay, more, do not retry.
  return digits !== undefined && BEGAN_NOTHING.has(Number(digits) & 0x7ff)
}
