import { InputError } from '../../errors.ts'
import { maskCredentials } from '../../mask.ts'

const HINT = 'an image comes from a file, or from a URL such as https://images.example/hn-root-42.img'

/** Whether this is meant as a URL and not as a path. */
export function looksLikeUrl(source: string): boolean {
  return /^(?:[a-z][a-z0-9+.-]*:\/\/|https?:)/i.test(source)
}

/**
 * Looks at where an image is to come from, before anything is asked: an address that is none does not become one by
 * trying again. A path is any.
 * @throws InputError that names what is wrong
 */
export function checkAddress(source: string): void {
  if (!looksLikeUrl(source)) return
  const wrong = (what: string) => new InputError(`${maskCredentials(source)}: ${what}`, { hint: HINT })
  const [, scheme = '', slashes, rest = ''] = /^([^:]*):(\/\/)?(.*)$/s.exec(source) ?? []
  if (!/^https?$/i.test(scheme)) throw wrong(`${scheme}:// is neither http:// nor https://`)
  // URL would take the first part of the path for the host.
  if (slashes === undefined) throw wrong(`two slashes have to follow ${scheme}:`)
  const [authority = ''] = /^[^/\\?#]*/.exec(rest) ?? []
  const place = authority.slice(authority.lastIndexOf('@') + 1)
  const [, host, port] = /^(\[[^\]]*\]?|[^:]*)(?::(.*))?$/s.exec(place) ?? []
  if (host === undefined || host === '') throw wrong('it names no host')
  if (
    port !== undefined &&
    port !== '' &&
    !(/^\d+$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)
  )
    throw wrong(`${port} is no port: it has to be 1 to 65535`)
  if (URL.parse(source) === null) throw wrong(`${host} is no name of a host`)
}
