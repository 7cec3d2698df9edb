import { InputError } from '../../errors.ts'

/** Size of an environment block as GRUB's own tools make it (GRUB 2.06, util/grub-editenv.c), in bytes. */
export const ENV_BLOCK_BYTES = 1024

/** GRUB 2.06, include/grub/lib/envblk.h. */
const SIGNATURE = '# GRUB Environment Block\n'

/**
 * Reads an environment block as GRUB does (grub_envblk_iterate in grub-core/lib/envblk.c): of a name that stands there
 * twice the last value counts, and what comes after damage is lost. Undefined: it is none.
 */
export function parseEnvBlock(bytes: Uint8Array): Map<string, string> | undefined {
  // One character a byte, so that damage in the middle of a character stays where it is.
  const text = Buffer.from(bytes).toString('latin1')
  // GRUB wants a byte more than the signature, the C string's own end.
  if (!text.startsWith(SIGNATURE) || text.length <= SIGNATURE.length) return undefined
  const variables = new Map<string, string>()
  for (let at = SIGNATURE.length; at < text.length; ) {
    if (text[at] !== '#') {
      const equals = text.indexOf('=', at)
      if (equals === -1) return variables
      const end = lineEnd(text, equals + 1)
      if (end >= text.length) return variables
      const value = text.slice(equals + 1, end).replaceAll(/\\(.)/gs, '$1')
      variables.set(cString(text.slice(at, equals)), cString(value))
      at = end
    }
    at = lineEnd(text, at) + 1
  }
  return variables
}

/**
 * Writes an environment block with these variables, in this order.
 * @param room bytes that all of the text has to fit in
 * @throws InputError when it does not fit, or for a name that GRUB cannot read back
 */
export function formatEnvBlock(
  variables: Iterable<readonly [name: string, value: string]>,
  room: number = ENV_BLOCK_BYTES,
): Buffer {
  let text = SIGNATURE
  for (const [name, value] of variables) {
    if (!/^[A-Za-z_]\w*$/.test(name))
      throw new InputError(`${JSON.stringify(name)}: no name of a GRUB variable`)
    if (value.includes('\0')) throw new InputError(`${name}: its value has a NUL character`)
    text += `${name}=${value.replaceAll(/[\\\n]/g, '\\$&')}\n`
  }
  const bytes = Buffer.from(text)
  if (bytes.length > room) {
    throw new InputError(`the environment block has ${bytes.length} bytes of text and room for ${room}`, {
      hint: 'make its values shorter',
    })
  }
  return Buffer.concat([bytes, Buffer.alloc(ENV_BLOCK_BYTES - bytes.length, '#')])
}

/** Index of the line's end that is no part of a value, or of the end of everything or past it. */
function lineEnd(text: string, from: number): number {
  let at = from
  while (at < text.length && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1
  return at
}

/** GRUB holds names and values as C strings. */
function cString(latin1: string): string {
  return Buffer.from(latin1.split('\0', 1)[0] ?? '', 'latin1').toString()
}
