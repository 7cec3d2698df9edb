/** What the build writes into the bundle (packaging/binary). */
declare const SPEEDISO_BUILD: { version: string; commit: string } | undefined

export interface BuildInfo {
  /** Of package.json. */
  version: string
  /** `git describe` of the sources; `development` when run unbuilt. */
  commit: string
}

export const build: BuildInfo =
  typeof SPEEDISO_BUILD === 'undefined' ? { version: '0.0.0', commit: 'development' } : SPEEDISO_BUILD

export function versionText(info: BuildInfo = build): string {
  return `speediso ${info.version} (${info.commit})`
}
