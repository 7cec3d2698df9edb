import { parseEnvBlock } from './env-block.ts'
import { isImageId } from './trial-env.ts'

/** Where it lies in an image. */
export const IMAGE_ENV = '/boot/speediso.env'

/** Variables of it that GRUB reads. */
export const IMAGE_VARIABLES = ['image', 'append'] as const

/** What an image says of itself to the boot loader. */
export interface ImageEnv {
  /** Its id; undefined when none can be used, and the UUID of its filesystem counts. */
  image?: string
  version?: string
  /** Kernel arguments of this image, separated by spaces. */
  append?: string
}

/** Reads /boot/speediso.env as GRUB does; undefined when it is no environment block. */
export function parseImageEnv(bytes: Uint8Array): ImageEnv | undefined {
  const variables = parseEnvBlock(bytes)
  if (variables === undefined) return undefined
  const image = variables.get('image')
  const version = variables.get('version')
  const append = variables.get('append')
  return {
    ...(image !== undefined && isImageId(image) ? { image } : {}),
    ...(version ? { version } : {}),
    ...(append ? { append } : {}),
  }
}
