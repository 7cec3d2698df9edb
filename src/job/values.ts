import { nearest } from './nearest.ts'
import { AFTER_ACTIONS, type AfterAction, type Listen } from './schema.ts'

// Readers of parameter values. Each throws a RangeError that says what would be right.

export function parseAfter(value: string): AfterAction {
  const action = AFTER_ACTIONS.find((known) => known === value)
  if (action !== undefined) return action
  const meant = nearest(value, AFTER_ACTIONS)
  throw new RangeError(
    `"${value}" is none of ${AFTER_ACTIONS.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  )
}

export function parseToken(value: string): string {
  if (!/^[\w.~-]{8,256}$/.test(value))
    throw new RangeError('it takes 8 to 256 letters, digits, or any of . _ ~ -')
  return value
}

export function parseSwitch(value: string): boolean {
  if (value !== 'on' && value !== 'off') throw new RangeError(`"${value}" is neither on nor off`)
  return value === 'on'
}

/** The scheme is what people get wrong; the value is not quoted, because a URL may carry a password. */
export function parseUrl(value: string, schemes: readonly string[]): string {
  if (/\s/.test(value)) throw new RangeError('it holds a space; write %20')
  const url = URL.parse(value)
  if (url === null || !schemes.some((scheme) => url.protocol === `${scheme}:`) || url.host === '')
    throw new RangeError(`it is no ${schemes.join(' or ')} URL; write ${schemes[0]}://HOST/…`)
  return value
}

/** A server and nothing on it. */
export function parseServerUrl(value: string, schemes: readonly string[]): string {
  const { pathname, search, hash } = new URL(parseUrl(value, schemes))
  if (!['', '/'].includes(pathname) || search !== '' || hash !== '')
    throw new RangeError(`it names more than a server; write ${schemes[0]}://HOST:PORT`)
  return value
}

/** Names that `${…}` in the URL of a job file may stand for. */
export const TEMPLATE_NAMES = ['mac', 'uuid', 'serial', 'hostname'] as const

export function parseTemplate(value: string): string {
  for (const [whole, name = ''] of value.matchAll(/\$\{([^}]*)\}?/g)) {
    if (TEMPLATE_NAMES.some((known) => whole === `\${${known}}`)) continue
    const meant = nearest(name, TEMPLATE_NAMES)
    const right = TEMPLATE_NAMES.map((known) => `\${${known}}`).join(', ')
    throw new RangeError(
      `${whole} is none of ${right}${meant === undefined ? '' : `; did you mean \${${meant}}?`}`,
    )
  }
  parseUrl(value.replaceAll(/\$\{\w+\}/g, 'x'), ['http', 'https'])
  return value
}

export function parseListen(value: string): Listen {
  if (value === 'off') return 'off'
  const match = /^(?<address>\[[0-9a-fA-F:.]+\]|[\w.-]+):(?<port>\d{1,5})$/.exec(value)
  const port = Number(match?.groups?.port)
  const address = match?.groups?.address?.replace(/^\[|\]$/g, '')
  if (address === undefined || !(port >= 1 && port <= 65_535)) {
    throw new RangeError(`"${value}" is not ADDR:PORT; write one such as 0.0.0.0:7373 or [::]:7373, or off`)
  }
  return { address, port }
}

const KEY_LINE = /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+|sk-[\w@.-]+) [A-Za-z0-9+/=]+( [^\n]*)?$/

export function parseSshKeys(value: string): string[] {
  if (/^https?:\/\/\S+$/.test(value)) return [value]
  const keys = value.split(',').map((key) => key.trim())
  for (const key of keys) {
    if (!KEY_LINE.test(key)) {
      throw new RangeError('it is neither a URL nor key lines; write "ssh-ed25519 AAAA... comment" in quotes')
    }
  }
  return keys
}
