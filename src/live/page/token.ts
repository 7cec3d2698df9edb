const KEY = 'speediso.token'

/**
 * The token of `#token=`, which is then kept for this tab and taken out of the address bar, where it would be
 * photographed, bookmarked and shared; else the kept one.
 */
export function takeToken(): string | undefined {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given === null || given === '') return keptToken()
  history.replaceState(null, '', location.pathname + location.search)
  keepToken(given)
  return given
}

/** Keeps the token for this tab; undefined forgets it. */
export function keepToken(token: string | undefined): void {
  try {
    if (token === undefined) sessionStorage.removeItem(KEY)
    else sessionStorage.setItem(KEY, token)
  } catch {
    // A browser that keeps nothing asks again after a reload.
  }
}

function keptToken(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined
  } catch {
    return undefined
  }
}
