/** Files on the boot partition, below its folder. */
export const LOADER_FILES = {
  copies: ['grub/speediso-1.env', 'grub/speediso-2.env'],
  rescue: { kernel: 'rescue/kernel', initramfs: 'rescue/initramfs' },
} as const

/** Variable that the configuration sets at its very end: all of it was read. */
export const WHOLE = 'speediso_whole'
